"""Deliveries: what receivers are sent, when again, and what is never shown."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pepperpy_obs import Notifier, SetupError
from pepperpy_obs.alerting.delivery import CallDelivery, PostDelivery
from pepperpy_obs.alerting.notice import Notice
from pepperpy_obs.config import Config
from tests.alerting.receiver import Receiver, receiving

T0 = 1_800_000_000 * 10**9
SECRET = "T0KEN-IN-THE-PATH"
FIRING = Notice(
    "00000000000000aa",
    is_firing=True,
    is_new=True,
    labels={"service": "shop", "alertname": "dear", "severity": "error", "agent": "a<b"},
    annotations={"summary": "cost above 5", "description": "dear: cost above 5; seen 6"},
    value=6.0,
    starts_at=T0,
    ends_at=T0 + 240 * 10**9,
)
RESOLVED = replace(FIRING, is_firing=False, ends_at=T0 + 60 * 10**9)


@pytest.fixture(name="receiver")
def a_receiver() -> Iterator[Receiver]:
    """Give a receiver on this machine."""
    with receiving() as receiver:
        yield receiver


def delivery(receiver: Receiver, kind: str, *, key: str = "") -> PostDelivery:
    """Return a delivery that makes no second try, as at the end."""
    made = PostDelivery(Notifier("ops", kind, f"{receiver.url}/{SECRET}", key))
    made.ending.set()
    return made


def test_an_alertmanager_is_sent_a_list_with_both_times(receiver: Receiver) -> None:
    """EndsAt lies four resends ahead while it fires; names of labels that it would refuse are made to fit."""
    sent = delivery(receiver, "alertmanager", key="k3y")
    sent.offer([replace(FIRING, labels={**FIRING.labels, "customer.id": "ü\n"})])
    sent.run()
    [(path, headers, body)] = receiver.posted
    assert (path, headers["Authorization"]) == (f"/{SECRET}/api/v2/alerts", "Bearer k3y")
    assert body == [
        {
            "labels": {**FIRING.labels, "customer_id": "ü\n"},
            "annotations": FIRING.annotations,
            "startsAt": "2027-01-15T08:00:00.000000Z",
            "endsAt": "2027-01-15T08:04:00.000000Z",
        }
    ]


def test_a_webhook_gets_the_payload_of_alertmanager(receiver: Receiver) -> None:
    """Version 4, with all that generic receivers read."""
    sent = delivery(receiver, "webhook")
    other = replace(RESOLVED, fingerprint="00000000000000bb", labels={**FIRING.labels, "agent": "c"})
    sent.offer([FIRING, other])
    sent.run()
    [(path, _, body)] = receiver.posted
    assert path == f"/{SECRET}"
    assert body == {
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "ops",
        "groupLabels": {},
        "commonLabels": {"service": "shop", "alertname": "dear", "severity": "error"},
        "commonAnnotations": FIRING.annotations,
        "externalURL": "",
        "alerts": [
            {
                "status": "firing",
                "labels": FIRING.labels,
                "annotations": FIRING.annotations,
                "startsAt": "2027-01-15T08:00:00.000000Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "",
                "fingerprint": "00000000000000aa",
            },
            {
                "status": "resolved",
                "labels": other.labels,
                "annotations": FIRING.annotations,
                "startsAt": "2027-01-15T08:00:00.000000Z",
                "endsAt": "2027-01-15T08:01:00.000000Z",
                "generatorURL": "",
                "fingerprint": "00000000000000bb",
            },
        ],
    }


def test_slack_gets_one_message_in_which_nothing_is_markup(receiver: Receiver) -> None:
    """Its three signs are escaped."""
    sent = delivery(receiver, "slack")
    sent.offer([replace(FIRING, annotations={"summary": "<!channel> & more", "description": "d"})])
    sent.run()
    [(_, _, body)] = receiver.posted
    assert body == {
        "text": "Alerts: 1 firing",
        "attachments": [
            {
                "color": "danger",
                "title": "[firing] dear",
                "text": "&lt;!channel&gt; &amp; more\nd",
                "ts": T0 // 10**9,
            }
        ],
    }


def test_pagerduty_gets_a_trigger_and_its_resolve_by_one_key(receiver: Receiver) -> None:
    """The fingerprint is the dedup_key; the routing key goes in the body, and in no header."""
    sent = delivery(receiver, "pagerduty", key="r0uting")
    for notice in (FIRING, RESOLVED):
        sent.offer([notice])
        sent.run()
    (path, headers, trigger), (_, _, resolve) = receiver.posted
    assert path == f"/{SECRET}/v2/enqueue"
    assert "Authorization" not in headers
    assert trigger == {
        "routing_key": "r0uting",
        "event_action": "trigger",
        "dedup_key": "00000000000000aa",
        "payload": {
            "summary": "dear: cost above 5",
            "source": "shop",
            "severity": "error",
            "timestamp": "2027-01-15T08:00:00.000000Z",
            "custom_details": {**FIRING.labels, "description": "dear: cost above 5; seen 6"},
        },
    }
    assert resolve == {"routing_key": "r0uting", "event_action": "resolve", "dedup_key": "00000000000000aa"}


def test_only_an_alertmanager_hears_each_minute_that_an_alert_fires_still(receiver: Receiver) -> None:
    """The others hear of its start and its end."""
    for kind in ("webhook", "alertmanager"):
        sent = delivery(receiver, kind)
        sent.offer([replace(FIRING, is_new=False)])
        sent.run()
    assert [path for path, _, _ in receiver.posted] == [f"/{SECRET}/api/v2/alerts"]


def test_of_one_alert_only_the_newest_is_told(receiver: Receiver) -> None:
    """What waits is one notice for each alert, and no more than a thousand."""
    sent = delivery(receiver, "webhook")
    sent.offer([FIRING, RESOLVED])
    sent.run()
    [(_, _, body)] = receiver.posted
    assert [one["status"] for one in body["alerts"]] == ["resolved"]
    sent.offer([replace(FIRING, fingerprint=str(number)) for number in range(1002)])
    sent.run()
    assert sum(len(body["alerts"]) for _, _, body in receiver.posted[1:]) == 1000
    assert sent.stats().failures == 2


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_what_is_not_taken_waits_for_the_next_run(receiver: Receiver, status: int) -> None:
    """And is told then, unless a newer notice of the same alert has come."""
    receiver.statuses = [status, 200]
    sent = delivery(receiver, "webhook")
    sent.offer([FIRING])
    sent.run()
    assert sent.stats().failures == 1
    sent.offer([RESOLVED])
    sent.run()
    assert [body["status"] for _, _, body in receiver.posted] == ["firing", "resolved"]
    assert (sent.stats().lines, sent.stats().error) == (1, "")


def test_a_message_is_tried_again_at_once(receiver: Receiver) -> None:
    """Three times in all, with pauses; here none is waited for, as nothing asks for one."""
    receiver.statuses = [503, 200]
    sent = PostDelivery(Notifier("ops", "webhook", receiver.url))
    sent.offer([FIRING])
    sent.run()
    assert len(receiver.posted) == 2
    assert sent.stats().lines == 1


@pytest.mark.parametrize("status", [301, 302, 400, 404])
def test_what_is_refused_is_not_told_again(receiver: Receiver, status: int) -> None:
    """Nor is a redirect followed."""
    receiver.statuses = [status]
    receiver.headers = {"Location": f"{receiver.url}/elsewhere"}
    sent = delivery(receiver, "webhook")
    sent.offer([FIRING])
    sent.run()
    sent.run()
    assert [path for path, _, _ in receiver.posted] == [f"/{SECRET}"]


def test_after_410_a_receiver_is_told_nothing_more(receiver: Receiver) -> None:
    """It said so."""
    receiver.statuses = [410]
    sent = delivery(receiver, "webhook")
    for _ in range(2):
        sent.offer([FIRING])
        sent.run()
    assert len(receiver.posted) == 1
    assert "told nothing more" in sent.stats().error


def test_one_bad_alert_keeps_back_no_other(receiver: Receiver) -> None:
    """A list that is refused is sent one by one."""
    receiver.statuses = [400, 400, 200]
    sent = delivery(receiver, "alertmanager")
    sent.offer([FIRING, replace(FIRING, fingerprint="00000000000000bb")])
    sent.run()
    assert [len(body) for _, _, body in receiver.posted] == [2, 1, 1]
    assert sent.stats().lines == 1


def test_an_address_and_a_key_are_never_shown(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    """Not by repr, by an error, by the log, nor by the settings."""
    notifier = Notifier("ops", "webhook", f"http://user:{SECRET}@127.0.0.1:1/{SECRET}?a={SECRET}", f"{SECRET}2")
    sent = PostDelivery(notifier)
    sent.ending.set()
    with caplog.at_level(logging.DEBUG):
        sent.offer([FIRING])
        sent.run()
        receiver.statuses = [400]
        refused = delivery(receiver, "webhook")
        refused.offer([FIRING])
        refused.run()
    config = Config(notifiers=(notifier,))
    shown = [
        repr(notifier),
        sent.stats().error,
        refused.stats().error,
        caplog.text,
        str(config.model_dump(mode="json")),
    ]
    shown.append(repr(config))
    assert "127.0.0.1" in shown[1]
    assert not [text for text in shown if SECRET in text]


def test_a_wrong_notifier_is_refused_without_its_secrets() -> None:
    """By Notifier and by Config, with what to do."""
    for url in (f"ftp://{SECRET}", f"http://h/{SECRET} x"):
        with pytest.raises(SetupError, match="is no address; give one such as https") as caught:
            Notifier("ops", "slack", url)
        assert SECRET not in str(caught.value)
        tables: Any = ({"name": "ops", "kind": "slack", "url": url},)
        with pytest.raises(SetupError, match="notifiers was given as") as caught:
            Config(notifiers=tables)
        assert SECRET not in str(caught.value)
    with pytest.raises(SetupError, match="kind='pager'; give one of webhook, slack, pagerduty, alertmanager"):
        Notifier("ops", "pager", "http://h")
    with pytest.raises(SetupError, match="takes a routing key"):
        Notifier("ops", "pagerduty")
    with pytest.raises(SetupError, match="is the log, which is always there"):
        Notifier("log", "webhook", "http://h")


def test_a_function_gets_plain_values_and_may_fail() -> None:
    """It is called once for each notice; its failure is counted, and the next notice comes all the same."""
    seen: list[Any] = []

    def take(alert: Any) -> None:
        seen.append(alert)
        if len(seen) == 1:
            msg = "no"
            raise OSError(msg)

    sent = CallDelivery(take)
    sent.offer([FIRING])
    sent.run()
    sent.offer([RESOLVED])
    sent.run()
    assert [(one["status"], one["labels"]["agent"], one["value"]) for one in seen] == [
        ("firing", "a<b", 6.0),
        ("resolved", "a<b", 6.0),
    ]
    assert (sent.stats().lines, sent.stats().failures) == (1, 1)
