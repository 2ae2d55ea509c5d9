"""One event to one sink, and what came of it in words: for `pepperpy-obs doctor`, before a night depends on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from pepperpy_obs.shipping.outcome import Answer, Parcel, Verdict
from pepperpy_obs.shipping.record import Record
from pepperpy_obs.shipping.sink import SinkSpec
from pepperpy_obs.shipping.stamp import rfc3339
from pepperpy_obs.shipping.transport import Transport

__all__ = ["Diagnosis", "diagnose"]

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
_NO_ANSWER: Final = (
    ("refused", "nobody listens there: check host and port, and whether it runs"),
    ("certificate verify failed", "its certificate is not one that we trust: check ca_file"),
    ("certificate required", "it wants to know us: give client_cert and client_key"),
    ("alert", "it did not like our certificate or our TLS: check client_cert and client_key"),
    ("WRONG_VERSION_NUMBER", "it speaks no TLS there: http:// instead of https://?"),
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


def diagnose(spec: SinkSpec, at: int, event_id: str) -> Diagnosis:
    """Send one event of level debug, `at` that time, and say what came of it; it waits for the sink's own timeouts.

    Raises:
        SetupError: A certificate or key cannot be read.
    """
    event = {"event": "doctor.asked", "level": "debug", "event_id": event_id, "timestamp": rfc3339(at)}
    parcel = Parcel([Record(at, event_id, msgspec.json.encode(event))], "doctor")
    transport = Transport(spec)
    try:
        answer = transport.post(spec.encode(parcel))
    finally:
        transport.close()
    verdict = spec.judge(parcel, answer)
    healthy = verdict.action == "settle" and all(outcome.what == "acknowledged" for outcome in verdict.outcomes)
    return Diagnosis(spec.name, spec.url, healthy, "it took the event" if healthy else _words(answer, verdict))


def _words(answer: Answer, verdict: Verdict) -> str:
    if not answer.status:
        advice = next((advice for sign, advice in _NO_ANSWER if sign in answer.text), "no answer came")
        return f"{advice} ({answer.text})"
    if verdict.outcomes:
        outcome = verdict.outcomes[0]
        return f"it answered and did not take the event: {outcome.reason}, {outcome.detail}"
    advice = _ADVICE.get(answer.status, "that is not what this kind of sink answers")
    if answer.status >= 500:
        advice = "it is in trouble itself: look at its own log"
    if "https" in answer.text.lower() and answer.status == 400:
        advice = "it wants TLS there: https:// instead of http://?"
    return f"{advice} ({answer.status}: {answer.text[:300]})"
