"""What Loki writes when it refuses, as a table: the words, from which version on, and where they stand.

The words are matched without regard to case and quotation marks, anywhere in the answer: Loki 3 joins several refusals
with ``; `` and writes ``N errors like: `` before each (pkg/util/errors/errors.go), its OTLP path puts them into a
protobuf message, and older ones told only the last refusal of a request. Read at grafana/loki #2021 (2020),
5a511b9 and 005e5ff (2025), and in its docs/sources/operations/troubleshooting/troubleshoot-ingest.md (2026).
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

__all__ = ["ADVICE", "WORDINGS", "Effect", "Wording", "fixed_part", "pattern"]

Effect = Literal["reject", "reduce", "replay", "hold", "nothing"]
"""What becomes of the lines that are meant: rejected; sent once more without structured metadata; sent once more in a
stream of their own; kept for a person. `nothing`: Loki took no line of the request at all."""


class Wording(NamedTuple):
    """One refusal. `<stream>`, `<number>`, `<limit>`, `<time>` and `<oldest>` stand for what varies."""

    reason: str
    """A short word that repeats: it becomes a label."""
    effect: Effect
    words: str
    since: str
    source: str


_VALIDATE: Final = "pkg/validation/validate.go"

# fmt: off
# In the order in which Loki looks: a line is refused for the first that holds.
WORDINGS: Final = (
    Wording("too_old", "reject", "entry for stream <stream> has timestamp too old: <time>, oldest acceptable timestamp is: <oldest>", "2.x", _VALIDATE),
    Wording("too_old", "reject", "entry for stream <stream> has timestamp too old: <time>", "1.5", _VALIDATE),
    Wording("too_new", "reject", "entry for stream <stream> has timestamp too new: <time>", "1.5", _VALIDATE),
    Wording("line_too_long", "reject", "max entry size <limit> bytes exceeded for stream <stream> while adding an entry with length <number> bytes", "1.5; in lower case since 2025-09", _VALIDATE),
    Wording("metadata_too_large", "reduce", "stream <stream> has structured metadata too large: <number> bytes, limit: <limit> bytes", "2.9", _VALIDATE),
    Wording("metadata_too_many", "reduce", "stream <stream> has too many structured metadata labels: <number>, limit: <limit>", "2.9", _VALIDATE),
    Wording("metadata_off", "hold", "stream <stream> includes structured metadata, but this feature is disallowed", "2.9", _VALIDATE),
    Wording("label_count", "hold", "entry for stream <stream> has <number> label names; limit <limit>", "1.5", _VALIDATE),
    Wording("label_name", "hold", "stream <stream> has label name too long", "1.5", _VALIDATE),
    Wording("label_value", "hold", "stream <stream> has label value too long", "1.5", _VALIDATE),
    Wording("label_twice", "hold", "stream <stream> has duplicate label name", "1.5", _VALIDATE),
    Wording("labels_missing", "hold", "missing required labels <any> for user <any> for stream <stream>", "3.x", _VALIDATE),
    Wording("labels_missing", "hold", "at least one label pair is required per stream", "2.0", _VALIDATE),
    Wording("labels_unread", "hold", "error parsing labels <stream> with error", "2.0; in lower case since 2025-09", _VALIDATE),
    Wording("too_far_behind", "replay", "total ignored: <number> out of <limit> for stream: <stream>", "2.0", "pkg/ingester/stream.go"),
    Wording("tenant", "hold", "no org id", "1.0", "dskit user/id.go"),
    Wording("tenant", "hold", "tenant id is too long", "2.4", "dskit tenant/tenant.go"),
    Wording("tenant", "hold", "tenant id <any> contains unsupported character", "2.4", "dskit tenant/tenant.go"),
    Wording("blocked", "hold", "ingestion blocked for user", "3.x", _VALIDATE),
    Wording("unread", "nothing", "loghttp.", "1.0", "pkg/util/unmarshal, json-iterator's words"),
    Wording("unread", "nothing", "couldn't parse labels", "2.8", "pkg/loghttp/push/push.go"),
    Wording("unread", "nothing", "mime: no media type", "2.0", "Go's mime package, by pkg/loghttp/push/push.go"),
    Wording("unread", "nothing", "value looks like", "2.9", "jsonparser's words, by pkg/util/unmarshal"),
    Wording("unread", "nothing", "readarray", "1.0", "json-iterator's words"),
    Wording("unread", "nothing", "readobject", "1.0", "json-iterator's words"),
    Wording("unread", "nothing", "unexpected eof", "1.0", "Go's io package"),
    Wording("unread", "nothing", "unexpected end", "1.0", "Go's encoding/json, jsonparser"),
)
# fmt: on

ADVICE: Final = {
    "metadata_off": "set loki_metadata = false here, or allow_structured_metadata (schema v13, tsdb) there",
    "label_count": "give fewer loki_labels, or raise max_label_names_per_series there",
    "label_name": "give shorter names in loki_labels, or raise max_label_name_length there",
    "label_value": "give a shorter service, environment or loki_labels, or raise max_label_value_length there",
    "label_twice": "give loki_labels names that service_name, instance and environment do not bear",
    "labels_missing": "give the labels that it asks for in loki_labels (its enforced_labels)",
    "labels_unread": "give loki_labels names of letters, digits and '_'",
    "tenant": "set loki_tenant to one that it knows",
    "blocked": "its operator has blocked this tenant (block_ingestion_until)",
    "metadata_too_large": "raise max_structured_metadata_size there, or set loki_metadata = false here",
    "metadata_too_many": "raise max_structured_metadata_entries_count there, or set loki_metadata = false here",
    "line_too_long": "raise max_line_size there, or lower max_field_length here",
    "too_old": "raise reject_old_samples_max_age there",
    "too_new": "set this machine's clock, or raise creation_grace_period there",
    "too_far_behind": "events of one stream came out of order by more than half of its max_chunk_age",
}
"""What a person can change."""

_TIME: Final = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?"
_PARTS: Final = {
    "<stream>": r"""['"`]?(?P<stream>\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\})['"`]?""",
    "<number>": r"'?(?P<number>\d+)'?",
    "<limit>": r"'?(?P<limit>\d+)'?",
    "<time>": rf"(?P<time>{_TIME})(?: [+-]\d{{4}} UTC)?",
    "<oldest>": rf"(?P<oldest>{_TIME})",
    "<any>": r".{1,300}?",
}


def fixed_part(words: str) -> str:
    """Return the longest part of the words that never varies, in lower case: without it no pattern need be tried."""
    return max(re.split(r"<\w+>", words), key=len).lower()


def pattern(words: str) -> re.Pattern[str]:
    """Return what finds the words in an answer, with the number of refusals that Loki says are like it."""
    parts = [_PARTS.get(part) or re.escape(part) for part in re.split(r"(<\w+>)", words)]
    return re.compile(r"(?:(?P<count>\d+) errors like: )?" + "".join(parts), re.IGNORECASE)
