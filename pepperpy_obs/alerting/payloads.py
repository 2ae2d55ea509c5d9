"""What each kind of receiver is sent: pure functions of notices."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from pepperpy_obs.alerting.notice import Notice, time_text
from pepperpy_obs.config.notifier import Notifier

__all__ = ["Message", "messages"]

_ODD: Final = re.compile(r"[^a-zA-Z0-9_]")
_MOST: Final = 500
"""Alerts in one message to an Alertmanager or webhook."""
_MOST_SHOWN: Final = 20
"""Alerts in one message that people read."""
_LONGEST_SUMMARY: Final = 1024
_COLOURS: Final = {"info": "#439fe0", "warning": "warning", "error": "danger", "critical": "danger"}


class Message(NamedTuple):
    """One request: what is added to the address, its body, and what it tells of."""

    path: str
    body: bytes
    notices: Sequence[Notice]


def messages(notifier: Notifier, notices: Sequence[Notice]) -> list[Message]:
    """Return the requests that tell a receiver of these."""
    return _KINDS[notifier.kind](notifier, notices)


def label_name(name: str) -> str:
    """Return a name that Alertmanager takes: one bad name would have a whole list refused.

    >>> label_name("customer.id"), label_name("2nd")
    ('customer_id', '_2nd')
    """
    fit = _ODD.sub("_", name)
    return f"_{fit}" if fit[:1].isdigit() or not fit else fit


def _named(labels: Mapping[str, str]) -> dict[str, str]:
    return {label_name(name): value.encode("utf-8", "replace").decode() for name, value in labels.items()}


def _alertmanager(_: Notifier, notices: Sequence[Notice]) -> list[Message]:
    return [Message("/api/v2/alerts", _json([_posted(one) for one in some]), some) for some in _parts(notices, _MOST)]


def _posted(notice: Notice) -> dict[str, Any]:
    return {
        "labels": _named(notice.labels),
        "annotations": _named(notice.annotations),
        "startsAt": time_text(notice.starts_at),
        "endsAt": time_text(notice.ends_at),
    }


def _webhook(notifier: Notifier, notices: Sequence[Notice]) -> list[Message]:
    return [Message("", _json(_group(notifier.name, some)), some) for some in _parts(notices, _MOST)]


def _group(receiver: str, notices: Sequence[Notice]) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        "status": "firing" if any(one.is_firing for one in notices) else "resolved",
        "receiver": receiver,
        "groupLabels": {},
        "commonLabels": _common([one.labels for one in notices]),
        "commonAnnotations": _common([one.annotations for one in notices]),
        "externalURL": "",
        "alerts": [one.to_dict() for one in notices],
    }


def _common(all_labels: Sequence[Mapping[str, str]]) -> dict[str, str]:
    first, *others = all_labels
    return {name: value for name, value in first.items() if all(one.get(name) == value for one in others)}


def _slack(_: Notifier, notices: Sequence[Notice]) -> list[Message]:
    return [Message("", _json(_posting(some)), some) for some in _parts(notices, _MOST_SHOWN)]


def _posting(notices: Sequence[Notice]) -> dict[str, Any]:
    firing = sum(one.is_firing for one in notices)
    heads = [f"{firing} firing"] if firing else []
    heads += [f"{len(notices) - firing} resolved"] if firing < len(notices) else []
    return {
        "text": f"Alerts: {', '.join(heads)}",
        "attachments": [
            {
                "color": _COLOURS[one.labels["severity"]] if one.is_firing else "good",
                "title": _escaped(f"[{one.status}] {one.labels['alertname']}"),
                "text": _escaped(f"{one.annotations['summary']}\n{one.annotations['description']}"),
                "ts": one.starts_at // 10**9,
            }
            for one in notices
        ],
    }


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _pagerduty(notifier: Notifier, notices: Sequence[Notice]) -> list[Message]:
    return [Message("/v2/enqueue", _json(_incident(notifier, one)), [one]) for one in notices]


def _incident(notifier: Notifier, notice: Notice) -> dict[str, Any]:
    event = {
        "routing_key": notifier.key,
        "event_action": "trigger" if notice.is_firing else "resolve",
        "dedup_key": notice.fingerprint,
    }
    if not notice.is_firing:
        return event
    summary = f"{notice.labels['alertname']}: {notice.annotations['summary']}"
    return event | {
        "payload": {
            "summary": summary[:_LONGEST_SUMMARY],
            "source": notice.labels.get("service", "pepperpy_obs"),
            "severity": notice.labels["severity"],
            "timestamp": time_text(notice.starts_at),
            "custom_details": {**notice.labels, "description": notice.annotations["description"]},
        }
    }


def _parts(notices: Sequence[Notice], most: int) -> list[Sequence[Notice]]:
    return [notices[start : start + most] for start in range(0, len(notices), most)]


def _json(plain: Any) -> bytes:
    return json.dumps(plain, allow_nan=False, separators=(",", ":")).encode()


_KINDS: Final[Mapping[str, Callable[[Notifier, Sequence[Notice]], list[Message]]]] = {
    "alertmanager": _alertmanager,
    "webhook": _webhook,
    "slack": _slack,
    "pagerduty": _pagerduty,
}
