"""One event to one sink, and what came of it in words: for `pepperpy-obs doctor`, before a night depends on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from pepperpy_obs.events import OPERATION_FINISHED
from pepperpy_obs.formats.ecs import to_ecs
from pepperpy_obs.shipping.elastic import Elastic
from pepperpy_obs.shipping.elastic_wordings import advice_for
from pepperpy_obs.shipping.header import rfc3339
from pepperpy_obs.shipping.logstash import Logstash
from pepperpy_obs.shipping.loki_wordings import ADVICE
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.results import Answer, Payload, Request, SendResult
from pepperpy_obs.shipping.sink import SinkSpec
from pepperpy_obs.shipping.transport import Transport

__all__ = ["Diagnosis", "diagnose"]

_NAME: Final = "doctor.asked"
_COST: Final = "pepperpy.cost_usd"
_NUMBERS: Final = frozenset({"double", "float", "half_float", "scaled_float"})
"""Types that keep a cost; an integer's would cut it."""
_ADVICE: Final = {
    401: "it does not know us: check user and password, api_key, bearer_token or (Loki) tenant",
    403: "it knows us and does not let us write: check the role or the API key's privileges",
    404: "nothing is there: check the URL's path, and (Elasticsearch) the target",
    405: "it takes no POST there: check the URL's path",
    406: "it does not take this content type: is that the right kind of sink for it?",
    407: "a proxy wants credentials",
    413: "it takes not even one event of this size: check a proxy's limit",
    415: "it does not take this content type: is that the right kind of sink for it?",
    429: "it has too much to do: the sender would wait and go on",
}
_PLAIN = "it speaks no TLS there: http:// instead of https://?"
_NO_ANSWER: Final = (
    ("WRONG_VERSION_NUMBER", _PLAIN),
    ("wrong version number", _PLAIN),
    ("RECORD_LAYER_FAILURE", _PLAIN),
    ("record layer failure", _PLAIN),
    ("PACKET_LENGTH_TOO_LONG", _PLAIN),
    ("http request", _PLAIN),
    ("refused", "nothing listens there: check host and port, and whether it runs"),
    ("certificate verify failed", "its certificate is not one that we trust: check ca_file"),
    ("certificate required", "it wants to know us: give client_cert and client_key"),
    ("alert", "it did not like our certificate or our TLS: check client_cert and client_key"),
    ("Name or service", "there is no such host: check the name, and the DNS"),
    ("failure in name resolution", "there is no such host: check the name, and the DNS"),
    ("ConnectTimeout", "no answer to the connection: check host and port, and a firewall between"),
    ("ReadTimeout", "it took the event and answered nothing: look at its own log"),
    ("disconnected without", "it ended the connection without a word: is that https:// rather than http://?"),
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a sink said to one event."""

    sink: str
    url: str
    healthy: bool
    text: str

    def __str__(self) -> str:
        return f"{self.sink} at {self.url}: {self.text}"


def diagnose(spec: SinkSpec, at: int, event_id: str, about: Mapping[str, str] | None = None) -> Diagnosis:
    """Send one event of level debug, `at` that time, and say what came of it; it waits for the sink's own timeouts.

    The event has the fields that the service's own have, `about` (service, environment) among them: what would be
    refused of these is refused of it.

    Raises:
        SetupError: A certificate or key cannot be read.
    """
    if isinstance(spec, Elastic | Logstash) and spec.document is to_ecs:
        spec = replace(spec, document=_as_ecs)
    payload = Payload([Record(at, event_id, msgspec.json.encode(_event(at, event_id) | dict(about or {})))], "doctor")
    transport = Transport(spec)
    try:
        answer = transport.post(spec.encode(payload))
        send_result = spec.judge(payload, answer)
        healthy = send_result.action == "settle" and all(
            outcome.what == "acknowledged" for outcome in send_result.outcomes
        )
        odd = _mapping(spec, transport) if healthy and isinstance(spec, Elastic) else ""
    finally:
        transport.close()
    text = odd or "it took the event" if healthy else _words(spec, answer, send_result)
    return Diagnosis(spec.name, spec.url, healthy and not odd, text)


def _event(at: int, event_id: str) -> dict[str, Any]:
    return {
        "timestamp": rfc3339(at),
        "level": "debug",
        "event": _NAME,
        "event_id": event_id,
        "operation": "pepperpy_obs.doctor",
        "kind": "llm",
        "agent": "doctor",
        "outcome": "ok",
        "duration_seconds": 0.001,
        "provider": "doctor",
        "model": "doctor",
        "input_tokens": 1,
        "output_tokens": 1,
        "cost_usd": "0.000002",
        "cost_by_type": {"input": "0.000001", "output": "0.000001"},
        "cost_source": "custom",
        "trace_id": event_id,
        "span_id": event_id[:16],
        "asked_by": "pepperpy-obs doctor",
    }


def _as_ecs(event: dict[str, Any]) -> Mapping[str, Any]:
    """Return the document of a call, under a name that nothing counts."""
    document = to_ecs({**event, "event": OPERATION_FINISHED})
    document["message"] = document["event"]["action"] = _NAME
    return document


def _mapping(spec: Elastic, transport: Transport) -> str:
    """Say what is wrong with the type that costs have there; "" where we may not ask."""
    answer = transport.post(Request(f"/{spec.target}/_field_caps?fields={_COST}", b"", {}))
    try:
        types = set(_caps(answer.body).fields.get(_COST, {})) - _NUMBERS - {"unmapped"}
    except (ValueError, RecursionError):
        return ""
    if answer.status != 200 or not types:
        return ""
    remedy = "load elasticsearch-index-template.json, then POST TARGET/_rollover"
    return f"it took the event, but costs are mapped as {' and '.join(sorted(types))} and cannot be summed: {remedy}"


def _words(spec: SinkSpec, answer: Answer, send_result: SendResult) -> str:
    if not answer.status:
        advice = next((advice for sign, advice in _NO_ANSWER if sign in answer.text), "no answer came")
        return f"{advice} ({answer.text})"
    outcome = send_result.outcomes[0] if send_result.outcomes else None
    said = outcome.detail if outcome else send_result.detail or answer.text
    advice = (
        advice_for(said)
        if isinstance(spec, Elastic)
        else ADVICE.get(outcome.reason if outcome else send_result.reason, "")
    )
    if outcome is not None:
        return f"it answered and did not take the event: {outcome.reason}, {said}" + (f"; {advice}" if advice else "")
    if advice and answer.status != 401:
        return f"{advice} ({answer.status}: {answer.text[:300]})"
    return f"{_advice(answer, send_result)} ({answer.status}: {answer.text[:300]})"


def _advice(answer: Answer, send_result: SendResult) -> str:
    text = answer.text.lower()
    if "https" in text and answer.status == 400:
        return "it wants TLS there: https:// instead of http://?"
    if answer.status >= 500:
        return "it is in trouble itself: look at its own log"
    if send_result.action == "unknown":
        return "it refused the event in words that we do not know"
    if "stream limit exceeded" in text:
        return (
            "it has as many streams as it may have: give fewer loki_labels, or raise max_global_streams_per_user there"
        )
    return _ADVICE.get(answer.status, "that is not what this kind of sink answers")


class _Caps(msgspec.Struct):
    fields: dict[str, dict[str, Any]] = {}


_caps = msgspec.json.Decoder(_Caps).decode
