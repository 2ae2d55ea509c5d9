from __future__ import annotations

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, Gauge, generate_latest

from pepperpy_obs import _guard
from pepperpy_obs.export.families import FAMILIES
from pepperpy_obs.export.prometheus import ObsCollector
from pepperpy_obs.readings import LiveState
from tests.still import Still


def test_registering_reads_nothing_and_claims_our_names(still: Still) -> None:
    """Our families are described without a scrape, so that a metric of the same name clashes at once."""
    still.store = None  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    registry = CollectorRegistry(auto_describe=True)
    registry.register(ObsCollector(still))
    assert _guard.failures() == {}
    with pytest.raises(ValueError, match="pepperpy_operations_active"):
        Gauge("pepperpy_operations_active", "Mine.", registry=registry)


def test_describe_and_collect_agree(still: Still) -> None:
    """What is described is what is collected: names, types, help, units."""
    collector = ObsCollector(still)
    described = [(family.name, family.type, family.documentation, family.unit) for family in collector.describe()]
    assert described == [
        (family.name, family.type, family.documentation, family.unit) for family in collector.collect()
    ]
    assert described == [(family.stem, family.type, family.help, family.unit) for family in FAMILIES]


def test_the_global_registry_is_left_alone(still: Still) -> None:
    """Making a collector registers it nowhere."""
    ObsCollector(still)
    assert not [family.name for family in REGISTRY.collect() if family.name.startswith("pepperpy_")]


def test_a_broken_runtime_does_not_break_the_scrape(still: Still) -> None:
    """Other collectors of the registry are scraped, whatever happens in ours."""
    registry = CollectorRegistry()
    registry.register(ObsCollector(still))
    Gauge("mine", "Mine.", registry=registry).set(7)
    still.now = LiveState(caches=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert b"\nmine 7.0\n" in generate_latest(registry)
    still.store = None  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    text = generate_latest(registry)
    assert b"\nmine 7.0\n" in text
    assert b'\npepperpy_obs_errors_total{stage="collect"} 3.0\n' in text
