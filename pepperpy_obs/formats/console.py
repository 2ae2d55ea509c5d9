"""Events as a person reads them: one line each, the outcome first.

It shows what helps while watching and leaves ids, versions and exact amounts to JSON. Text is
escaped where it is not printable, so that no event can move the cursor or forge a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pepperpy_obs import events
from pepperpy_obs.events import VOCABULARY
from pepperpy_obs.sanitize.map_fields import OUR_EVENTS
from pepperpy_obs.typing import EventDict

__all__ = ["Console"]

_CODES: Final = {"bold": "1", "dim": "2", "green": "32", "yellow": "33", "cyan": "36", "red": "1;31"}
_STYLE_OF: Final = {
    "ok": "green",
    "hit": "green",
    "cancelled": "yellow",
    "abandoned": "yellow",
    "warning": "yellow",
    "error": "red",
    "critical": "red",
}
_IN_ANY_CHAIN: Final = frozenset({"timestamp", "level", "event", "event_id", "trace_id", "span_id", "parent_span_id"})
_LONGEST: Final = 100

_Part = tuple[str, str]
"""A style and a text."""


class Console:
    """Renders events for a terminal, or plainly for a file that a person reads.

    >>> event = {"timestamp": "2026-11-23T19:23:00.123456Z", "level": "info", "event": "operation.finished"}
    >>> event |= {"operation": "plan", "outcome": "ok", "duration_seconds": 1.25, "model": "gpt-4o", "user": "u 1"}
    >>> print(Console(colors=False)(None, "info", event))
    19:23:00.123  ok            1.25 s  plan                      gpt-4o  user='u 1'
    """

    def __init__(self, *, colors: bool = True) -> None:
        self._colors = colors

    def __call__(self, logger: Any, method_name: str, event_dict: EventDict) -> str:
        """Turn the event into a line without its line feed: the last processor of a chain."""
        return self._line(event_dict)

    def lines(self, events: Sequence[Mapping[str, Any]]) -> list[bytes]:
        """Return each event's line with its line feed."""
        return [f"{self._line(event)}\n".encode(errors="replace") for event in events]

    def _line(self, event: Mapping[str, Any]) -> str:
        ours = event.get("event") in OUR_EVENTS if isinstance(event.get("event"), str) else False
        word, subject = _headline(event) if ours else (str(event.get("level", "")), str(event.get("event", "")))
        took = _duration(event["duration_seconds"]) if ours and "duration_seconds" in event else ""
        head = [
            ("dim", f"{_time(event.get('timestamp')):12}"),
            (_STYLE_OF.get(word, "dim"), f"{_safe(word):9}"),
            ("", f"{took:>9}"),
            ("bold", f"{_safe(subject):24}"),
        ]
        facts = [*_facts(event)] if ours else []
        parts = [*head, *facts, *_fields(event, VOCABULARY if ours else _IN_ANY_CHAIN)]
        if trace_id := event.get("trace_id"):
            parts.append(("dim", _safe(str(trace_id)[:8])))
        line = "  ".join([self._styled(style, text) for style, text in parts])
        return f"{line.rstrip()}{_traceback(event)}"

    def _styled(self, style: str, text: str) -> str:
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self._colors and style and text else text


def _headline(event: Mapping[str, Any]) -> tuple[str, str]:
    """Return in a word what became of it, and what it is about."""
    match event["event"]:
        case events.CACHE_LOOKED_UP:
            return ("hit" if event.get("cache_hit") else "miss"), f"cache {event.get('cache', '')}"
        case events.METRIC_RECORDED:
            return "metric", f"{event.get('metric')} = {event.get('value')} {event.get('metric_unit', '')}".rstrip()
        case events.ALERT_CHANGED:
            return str(event.get("alert_state", "")), f"alert {event.get('alert', '')}: {event.get('summary', '')}"
        case events.USAGE_RECORDED:
            return "usage", str(event.get("operation", event.get("provider", "")))
        case _:
            return str(event.get("outcome", "")), str(event.get("operation", ""))


def _facts(event: Mapping[str, Any]) -> Iterator[_Part]:
    """Yield what is known of the call, the most telling first."""
    if "error_type" in event:
        yield "red", _safe(event["error_type"])
    if event.get("over_budget"):
        yield "red", "over budget"
    if "agent" in event and event["agent"] != event.get("operation"):
        yield "dim", f"by {_safe(event['agent'])}"
    if "model" in event or "response_model" in event:
        yield "", _safe(event.get("model", event.get("response_model")))
    if "time_to_first_item_seconds" in event:
        yield "dim", f"first item after {_duration(event['time_to_first_item_seconds'])}"
    if "input_tokens" in event or "output_tokens" in event:
        yield "", _tokens(event)
    if "cost_usd" in event:
        yield "cyan", _money(event["cost_usd"])
    elif event.get("cost_source") == "unpriced":
        yield "yellow", "unpriced"
    if event["event"] != events.CACHE_LOOKED_UP and "cache" in event:
        yield "dim", f"{'hit' if event.get('cache_hit') else 'miss'} in {_safe(event['cache'])}"


def _tokens(event: Mapping[str, Any]) -> str:
    """Return the tokens in and out; one that is not known is "?"."""
    read, written = (f"{event[name]:,}" if name in event else "?" for name in ("input_tokens", "output_tokens"))
    cached = f" ({event['cache_read_tokens']:,} cached)" if event.get("cache_read_tokens") else ""
    return f"{read}{cached} → {written}{'…' if event.get('usage_incomplete') else ''} tokens"


def _fields(event: Mapping[str, Any], known: frozenset[str]) -> Iterator[_Part]:
    """Yield the fields that are none of ours."""
    for key, value in event.items():
        if key not in known and key != "exception" and value is not None:
            text = (
                value if isinstance(value, str) and value.isprintable() and " " not in value and value else repr(value)
            )
            yield "", f"{_safe(key)}={_safe(text)}"


def _traceback(event: Mapping[str, Any]) -> str:
    """Return a traceback that structlog has rendered, on lines of its own."""
    text = event.get("exception")
    return "".join(f"\n    {_safe(line, 1000)}" for line in text.splitlines()) if isinstance(text, str) else ""


def _safe(value: Any, longest: int = _LONGEST) -> str:
    text = str(value)
    if len(text) > longest:
        text = f"{text[: longest - 1]}…"
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def _time(timestamp: Any) -> str:
    if isinstance(timestamp, int | float):
        timestamp = datetime.fromtimestamp(timestamp).astimezone().isoformat()
    return _safe(str(timestamp or "")[11:23])


def _duration(seconds: float) -> str:
    """Return a duration in the unit that a person would say it in.

    >>> [_duration(seconds) for seconds in (0.0000421, 0.0123, 1.25, 75)]
    ['42 µs', '12.3 ms', '1.25 s', '1 m 15 s']
    """
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1:
        return f"{seconds * 1e3:.1f} ms"
    return f"{seconds:.2f} s" if seconds < 60 else f"{seconds // 60:.0f} m {seconds % 60:.0f} s"


def _money(usd: Any) -> str:
    return f"${usd:.2f}" if usd >= 1 else f"${usd:.4f}" if usd >= 0.001 else f"${usd:.6f}"
