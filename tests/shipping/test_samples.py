from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pepperpy_obs.events import FIELDS
from pepperpy_obs.formats.ecs import ECS_PATHS, to_ecs
from pepperpy_obs.shipping.elastic import Elastic

SAMPLES = Path(__file__).parents[2] / "config" / "shipping"
FITS = {"long": int, "double": (int, float, str), "boolean": bool, "date": str, "object": dict}
VALUES = {
    "integer": 5,
    "number": 0.5,
    "decimal": "0.1",
    "boolean": True,
    "list": ["a"],
    "object": {"a": "1"},
    "objects": [{"a": 1}],
}


def mapping() -> dict[str, Any]:
    """Return the fields of the index template."""
    template = json.loads((SAMPLES / "elasticsearch-index-template.json").read_text())
    found: dict[str, Any] = template["template"]["mappings"]["properties"]
    return found


def kind(path: str) -> str:
    """Return the type that a field is mapped to; what is under `labels` is mapped as it comes."""
    place: dict[str, Any] = {"properties": mapping()}
    for part in path.split("."):
        place = place["properties"][part]
        if part == "labels":
            break
    return str(place["type"])


ECS: dict[str, str] = {
    "@timestamp": "date",
    "ecs.version": "keyword",
    "error.message": "match_only_text",
    "error.stack_trace": "wildcard",
    "error.type": "keyword",
    "event.action": "keyword",
    "event.dataset": "keyword",
    "event.duration": "long",
    "event.id": "keyword",
    "event.kind": "keyword",
    "event.outcome": "keyword",
    "labels": "object",
    "log.level": "keyword",
    "log.logger": "keyword",
    "message": "match_only_text",
    "service.environment": "keyword",
    "service.name": "keyword",
    "span.id": "keyword",
    "trace.id": "keyword",
}
"""The types that ECS 8 gives to these fields (elastic/ecs, generated/ecs/ecs_flat.yml)."""
NOT_IN_ECS = {"parent.id": "keyword"}
"""As Elastic's APM names and types it; ECS itself has no word for the span that called."""


def leaves(properties: dict[str, Any], path: str = "") -> dict[str, str]:
    """Return each mapped field by its whole name, with its type."""
    found: dict[str, str] = {}
    for name, what in properties.items():
        if "properties" in what:
            found |= leaves(what["properties"], f"{path}{name}.")
        else:
            found[path + name] = what["type"]
    return found


def test_the_types_are_those_of_ecs() -> None:
    """What does not stand in a room of our own stands in ECS, under its name and with its type."""
    mapped = {path: kind for path, kind in leaves(mapping()).items() if not path.startswith("pepperpy.")}
    # ECS's date keeps milliseconds; this one sorts the events of one millisecond, too.
    assert mapped.pop("@timestamp") == "date_nanos"
    mapped["@timestamp"] = "date"
    assert mapped == ECS | NOT_IN_ECS


@pytest.mark.parametrize("path", sorted(set(ECS_PATHS.values())))
def test_every_field_is_mapped(path: str) -> None:
    """No field of ours is left to Elasticsearch's guess, which the first document would make."""
    assert kind(path).removesuffix("_nanos") in {
        "keyword",
        "long",
        "double",
        "boolean",
        "date",
        "object",
        "wildcard",
        "match_only_text",
    }


def test_every_field_fits_its_mapping() -> None:
    """A document with all fields of ours holds in each what the mapping takes."""
    event = {field.name: VALUES.get(field.type, "text") for field in FIELDS} | {"outcome": "ok", "level": "info"}
    event |= {"event": "operation.finished", "timestamp": "2026-11-23T12:00:00.000000Z"}
    for group, fields in to_ecs(event).items():
        if not isinstance(fields, dict):
            assert isinstance(fields, str)
            continue
        for name, value in fields.items():
            mapped = kind(f"{group}.{name}") if group != "labels" else "keyword"
            if name == "usage_entries":
                # Each entry is an object of its own; it is kept and not searched.
                assert mapping()["pepperpy"]["properties"][name]["enabled"] is False
                continue
            assert isinstance(value, FITS.get(mapped, (str, list))), (group, name, value)  # type: ignore[arg-type]


def test_our_default_target_is_the_templates_data_stream() -> None:
    """The template, the policy and the sender's default speak of the same place."""
    template = json.loads((SAMPLES / "elasticsearch-index-template.json").read_text())
    policy = json.loads((SAMPLES / "elasticsearch-ilm-policy.json").read_text())
    (pattern,) = template["index_patterns"]
    assert Elastic(url="http://es").target.startswith(pattern.removesuffix("*"))
    assert template["template"]["settings"]["index.lifecycle.name"] == "pepperpy-events"
    assert set(policy["policy"]["phases"]) == {"hot", "warm", "delete"}


def test_rsyslog_accepts_its_sample() -> None:
    """The real rsyslog finds no mistake in it."""
    binary = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if binary is None:
        pytest.skip("rsyslog is not there: apt-get install rsyslog")
    command = [binary, "-N1", "-f", str(SAMPLES / "rsyslog.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "error" not in done.stderr


def test_each_sample_is_named_in_the_readme() -> None:
    """And the other way round."""
    text = (SAMPLES / "README.md").read_text()
    assert [path.name for path in SAMPLES.iterdir() if path.name != "README.md" and f"`{path.name}`" not in text] == []
