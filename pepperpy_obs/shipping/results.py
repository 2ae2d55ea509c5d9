"""The words between an encoder, the sender and a judge: request, answer, and what became of each record.

Pure: nothing here sends anything. A judge sees one answer and says what it means; what to do about it, and when,
is the sender's business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Literal

from pepperpy_obs.shipping.record import Record

__all__ = [
    "ACKNOWLEDGED",
    "Answer",
    "Payload",
    "RecordResult",
    "Request",
    "SendResult",
    "all_acknowledged",
    "common_result",
    "hold",
    "not_its_own",
    "retry",
    "retry_after",
    "split",
]


@dataclass(frozen=True, slots=True)
class Payload:
    """Records that go in one request."""

    records: Sequence[Record]
    instance: str
    """A steady name of the process that recorded them, unlike that of any other one running."""
    replay: bool = False
    """Sent apart, because Loki's rule of order refused them where they belong."""
    reduced: bool = False
    """Sent without what the receiver refused beside the event itself: Loki's structured metadata, Elasticsearch's
    labels of the user's."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is POSTed; the bytes are final, so that a retry repeats them exactly."""

    path: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; status 0 means that no whole answer came, and `body` says why, in words."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names in lower case."""
    reached: bool = True
    """The request may have been read: false when no connection came about."""
    too_long: bool = False
    """Of status 0: the answer had more bytes than are kept."""

    secrets: tuple[str, ...] = field(default=(), repr=False, compare=False)

    @property
    def text(self) -> str:
        """The start of the body, for people: without our secrets, which some servers repeat."""
        text = self.body[:2000].decode(errors="replace").strip()
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


@dataclass(frozen=True, slots=True)
class RecordResult:
    """What became of one record.

    `again` is a record to be sent once more, `replay` one to be sent once more apart from the others (Loki's rule of
    order refused it where it was), `reduced` one to be sent once more without what was refused beside it.
    """

    what: Literal["acknowledged", "rejected", "again", "replay", "reduced"]
    reason: str = ""
    """A short word that repeats: it becomes a label."""
    detail: str = ""
    doubtful: bool = False
    """Of `again`: the record itself may be the cause."""


ACKNOWLEDGED: Final = RecordResult("acknowledged")


@dataclass(frozen=True, slots=True)
class SendResult:
    """What one answer means for the records of one request.

    `settle`: see `outcomes`, one for each record; with a `detail`, a person must act on those that are to go again.
    `retry`: the same bytes later. `split`: nothing was taken because of something in it: halve it, and reject the
    record that cannot be halved. `hold`: a person must act; keep all. `unknown`: some may have been taken, and it is
    unknown which, so none of them may be sent again as if nothing had been.
    """

    action: Literal["settle", "retry", "split", "hold", "unknown"]
    reason: str = ""
    detail: str = ""
    outcomes: Sequence[RecordResult] = ()
    doubtful: bool = False
    """Whether one record or the whole sink is the cause remains to be seen: one may crash a handler, or wake a
    firewall, and a sink that was set up wrongly may refuse every one."""


def all_acknowledged(count: int) -> SendResult:
    """Say that the receiver has every record."""
    return SendResult("settle", outcomes=(ACKNOWLEDGED,) * count)


def retry(answer: Answer, *, doubtful: bool = False) -> SendResult:
    """Say that the same bytes may go through later."""
    reason = str(answer.status) if answer.status else "no_answer"
    return SendResult("retry", reason, answer.text, doubtful=doubtful)


def split(answer: Answer, *, doubtful: bool = True) -> SendResult:
    """Say that something in it is in the way of all of it; a page that others wrote does not know that."""
    return not_its_own(answer) or SendResult("split", str(answer.status), answer.text, doubtful=doubtful)


def hold(answer: Answer, *, doubtful: bool = False) -> SendResult:
    """Say that the sink is set up wrongly, here or there."""
    text = f"{answer.status}: {answer.text}" if answer.text else str(answer.status)
    return SendResult("hold", str(answer.status), text, doubtful=doubtful)


def not_its_own(answer: Answer) -> SendResult | None:
    """Hold what a login page, a firewall or a port that wants TLS has answered, whatever the status says.

    None of our receivers writes markup; Go and nginx answer 400 to plain HTTP where they expect TLS.
    """
    words = answer.body[:200].lstrip().lower()
    markup = words.startswith(b"<") or "html" in answer.headers.get("content-type", "").lower()
    return hold(answer, doubtful=True) if markup or b"http request to an https" in words else None


def common_result(answer: Answer) -> SendResult | None:
    """Judge what means the same to every receiver; None when the protocol has its own word to say.

    A status of 2xx or 400 is never judged here: some protocols say with 200 that they refused, others with 400 that
    they took the rest.
    """
    status = answer.status
    if status in {425, 429}:
        return retry(answer)
    if status in {0, 408, 499} or status >= 500:
        return retry(answer, doubtful=answer.reached)
    if status == 413:
        # Often it is a proxy's answer, and the proxy's page.
        return SendResult("split", "413", answer.text, doubtful=True)
    if status in {401, 403, 404, 405, 406, 407, 415} or 300 <= status < 400:
        # A firewall says 403 or 406 to words that it does not like; the others are no answer to a body.
        return hold(answer, doubtful=status in {403, 406})
    return None


def retry_after(answer: Answer, now: datetime, most: float) -> float | None:
    """Return for how many seconds the receiver asks to be left alone (RFC 9110, 10.2.3), at most `most`.

    >>> retry_after(Answer(429, headers={"retry-after": "7"}), datetime.now(UTC), 60.0)
    7.0
    """
    text = answer.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return min(float(text), most)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max(0.0, (until - now).total_seconds()), most)
