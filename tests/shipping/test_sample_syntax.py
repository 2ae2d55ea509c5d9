"""The samples for other people's programs: read by parsers of their languages, and compared with what we write."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pepperpy_obs.events import VOCABULARY
from pepperpy_obs.formats.ecs import to_ecs
from pepperpy_obs.shipping.elastic import Elastic
from pepperpy_obs.shipping.loki import Loki

SAMPLES = Path(__file__).parents[2] / "config" / "shipping"
LOG = "/var/log/pepperpy/events.log"
TARGET = Elastic(url="http://es").target


def parsed(name: str) -> Any:
    """Return what a sample in YAML says."""
    return pytest.importorskip("yaml").safe_load((SAMPLES / name).read_text())


def unknown(fields: Iterable[str]) -> set[str]:
    """Return those that no event of ours has."""
    return set(fields) - set(VOCABULARY)


def test_filebeat() -> None:
    """It follows our file and its renamed forms, takes the fields as they are, and writes to our data stream."""
    sample = parsed("filebeat.yml")
    (source,) = sample["filebeat.inputs"]
    assert (source["type"], source["paths"]) == ("filestream", [LOG + "*"])
    assert source["parsers"][0]["ndjson"]["target"] == ""
    assert sample["output.elasticsearch"]["index"] == TARGET


def test_fluent_bit() -> None:
    """The fields that it names are ours, its time is our time, and it never gives up."""
    sample = parsed("fluent-bit.yaml")
    (parser,), (source,), (output,) = sample["parsers"], sample["pipeline"]["inputs"], sample["pipeline"]["outputs"]
    assert (source["path"], source["parser"], output["match"]) == (LOG, parser["name"], source["tag"])
    assert (parser["time_key"], output["retry_limit"]) == ("timestamp", "no_limits")
    named = re.findall(r"\$(\w+)", f"{output['label_keys']} {output['structured_metadata']}")
    assert len(named) == 5
    assert not unknown(named)


def test_vector() -> None:
    """Each part takes from one that is there, and the fields that it names are ours."""
    sample = parsed("vector.yaml")
    places = {**sample["sources"], **sample["transforms"]}
    for part in (*sample["transforms"].values(), *sample["sinks"].values()):
        assert set(part["inputs"]) <= set(places)
    stream = sample["sinks"]["elasticsearch"]["data_stream"]
    assert f"{stream['type']}-{stream['dataset']}-{stream['namespace']}" == TARGET
    loki = sample["sinks"]["loki"]
    templates = [*loki["labels"].values(), *loki["structured_metadata"].values()]
    assert not unknown(field for text in templates for field in re.findall(r"{{ (\w+) }}", text))
    assert {sink["buffer"]["type"] for sink in sample["sinks"].values()} == {"disk"}


def test_the_collector() -> None:
    """Its pipeline is made of parts that are there, keeps its place and its queue on disk, and never gives up."""
    sample = parsed("otel-collector.yaml")
    service = sample["service"]
    assert set(service["extensions"]) == set(sample["extensions"])
    for kind, parts in service["pipelines"]["logs"].items():
        assert set(parts) == set(sample[kind])
    (parser,) = sample["receivers"]["filelog"]["operators"]
    named = {parser["timestamp"]["parse_from"], parser["severity"]["parse_from"]}
    assert not unknown(name.removeprefix("attributes.") for name in named)
    for exporter in sample["exporters"].values():
        assert exporter["retry_on_failure"]["max_elapsed_time"] == 0
        assert exporter["sending_queue"]["storage"] in sample["extensions"]


def test_loki() -> None:
    """Its limits leave room for a request of ours, structured metadata and a week of backlog."""
    limits = parsed("loki.yaml")["limits_config"]
    assert limits["ingestion_burst_size_mb"] * 2**20 > 2 * Loki(url="http://loki").batch_bytes
    assert limits["allow_structured_metadata"] is True
    (store,) = parsed("loki.yaml")["schema_config"]["configs"]
    assert (store["store"], store["schema"]) == ("tsdb", "v13")


def test_alloy() -> None:
    """HCL is its syntax but for dots in the names of blocks; the fields that it names are ours, the parts are there."""
    hcl = pytest.importorskip("hcl2")
    text = re.sub(
        r"^ *[\w.]+(?= (\"\w+\" )?\{$)",
        lambda m: m[0].replace(".", "_"),
        (SAMPLES / "alloy.alloy").read_text(),
        flags=re.MULTILINE,
    )
    sample = json.loads(json.dumps(hcl.loads(text)).replace('\\"', ""))
    (source,), (process,), (write,) = sample["loki_source_file"], sample["loki_process"], sample["loki_write"]
    assert source["pepperpy"]["targets"] == [{"__path__": LOG}]
    assert source["pepperpy"]["forward_to"] == ["${loki.process.pepperpy.receiver}"]
    assert process["pepperpy"]["forward_to"] == ["${loki.write.default.receiver}"]
    assert write["default"]["endpoint"][0]["url"].endswith("/loki/api/v1/push")
    stages = process["pepperpy"]
    taken = stages["stage_json"][0]["expressions"]
    assert not unknown(taken.values())
    labels, metadata = stages["stage_labels"][0]["values"], stages["stage_structured_metadata"][0]["values"]
    assert {label or name for kept in (labels, metadata) for name, label in kept.items()} <= set(taken)


def test_logstash() -> None:
    """Its grammar is kept; what makes a resent event no second one is a field of our documents."""
    parser = pytest.importorskip("logstash_pipeline_parser")
    sections = dict(parser.Pipeline((SAMPLES / "logstash.conf").read_text()).parse())
    assert list(sections) == ["input", "filter", "output"]
    ((kind, options),) = sections["output"]
    found = {name: value[0] for name, value in options}
    assert (kind, found["action"], found["index"]) == ("elasticsearch", "create", TARGET)
    document = to_ecs({"event": "operation.finished", "event_id": "ab"})
    group, name = re.findall(r"\[(\w+)\]", found["document_id"])
    assert document[group][name] == "ab"
