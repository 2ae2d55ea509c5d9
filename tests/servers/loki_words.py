"""Loki's refusals, word for word, each with where it was read; `{}` stand for what varies.

The recorded ones are those of grafana/loki 65e30f8 (main, 2026-08), as it answered. `UPPER` are those of 3.5 and older
(5a511b9, pkg/validation/validate.go), whose first letters are capitals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

TOO_OLD = "entry for stream '{stream}' has timestamp too old: {at}, oldest acceptable timestamp is: {oldest}"
TOO_NEW = "entry for stream '{stream}' has timestamp too new: {at}"
_LONG = "ax entry size '{limit}' bytes exceeded for stream '{stream}' while adding an entry with length '{n}' bytes"
LOWER = {"long": "m" + _LONG}
UPPER = {"long": "M" + _LONG}
METADATA_LARGE = (
    "stream '{stream}' has structured metadata too large: '{n}' bytes, limit: '{limit}' bytes. Please see "
    "`limits_config.max_structured_metadata_size` or contact your Loki administrator to increase it."
)
METADATA_MANY = (
    "stream '{stream}' has too many structured metadata labels: '{n}', limit: '{limit}'. Please see "
    "`limits_config.max_structured_metadata_entries_count` or contact your Loki administrator to increase it."
)
METADATA_OFF = (
    "stream '{stream}' includes structured metadata, but this feature is disallowed. Please see "
    "`limits_config.allow_structured_metadata` or contact your Loki administrator to enable it."
)
BEHIND = "entry too far behind, entry timestamp is: {at}, oldest acceptable timestamp is: {oldest}"
STREAM_RATE = (
    "Per stream rate limit exceeded (limit: 3MB/sec) while attempting to ingest for stream '{stream}' totaling {n}B, "
    "consider splitting a stream via additional labels or contact your Loki administrator to see if the limit can be "
    "increased"
)
LABEL_COUNT = "entry for stream '{stream}' has {n} label names; limit {limit}"


def grouped(errors: Sequence[str]) -> str:
    """Join refusals as Loki has done since 2.9 (pkg/util/errors/errors.go)."""
    counts = Counter(errors)
    alone = len(errors) == 1
    return "; ".join(error if alone else f"{count} errors like: {error}" for error, count in counts.items())


def status_message(text: str) -> bytes:
    """Return the text as Loki's OTLP path wraps it (push.OTLPError): field 2 of a google.rpc.Status."""
    data, length, prefix = text.encode(), len(text.encode()), bytearray(b"\x12")
    while length > 127:
        prefix.append(length & 127 | 128)
        length >>= 7
    return bytes(prefix) + bytes([length]) + data
