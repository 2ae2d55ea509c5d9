from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pepperpy_obs import Config
from pepperpy_obs.aggregate.store import Store
from pepperpy_obs.formats.lines import json_lines
from pepperpy_obs.replay.chunks import chunks_of
from pepperpy_obs.replay.fold import Fold
from pepperpy_obs.replay.lines import LogFile
from pepperpy_obs.replay.order import oldest_first
from pepperpy_obs.replay.parallel import ChunkedFold
from pepperpy_obs.sanitize.redact import label_redaction


class Done:
    """What a function returned."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def result(self) -> Any:
        """Return it."""
        return self._value


class Here:
    """Runs everything at once and in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Done:
        """Call a function."""
        return Done(fn(*args))


def call(number: int, **fields: Any) -> dict[str, Any]:
    """Return an event of a call; `number` names it, and seconds into an hour when it ended."""
    timestamp = f"2023-11-16T18:{number // 60 % 60:02}:{number % 60:02}.250000Z"
    event = {"timestamp": timestamp, "level": "info", "event": "operation.finished", "event_id": f"{number:032x}"}
    return {**event, "operation": f"ask {number % 5}", "outcome": "ok", "duration_seconds": number / 7, **fields}


def folded(names: Sequence[str], config: Config) -> Fold:
    """Return the logs in one fold."""
    fold = Fold(Store(config.max_series, config.cost_attributes, label_redaction(config)))
    for name in oldest_first(names)[0]:
        log = LogFile(name)
        for _ in fold.file(log):
            pass
        log.close()
    return fold


def told(fold: Fold | ChunkedFold) -> tuple[Any, ...]:
    """Return all that is told of a fold, but the calls to look at."""
    snapshots = []
    for window in (None, 60, 300, 3600, 86_400):
        plain: dict[str, Any] = fold.store.snapshot(window).to_dict()
        snapshots.append({**plain, "series": [{**each, "exemplar": None} for each in plain["series"]]})
    return snapshots, fold.events, fold.passed_over, fold.doubles, fold.named, fold.ids.unchecked


def chunked(names: Sequence[str], config: Config, size: int) -> ChunkedFold:
    """Return the same in chunks."""
    fold = ChunkedFold(config)
    for _ in fold.files(names, Here(), size=size):
        pass
    return fold


def line(number: int) -> bytes:
    """Return the line of the event of this number: a call, an error or a request."""
    fields: list[dict[str, Any]] = [
        {},
        {"outcome": "error", "error_type": "E", "agent": "scout"},
        {"kind": "llm", "model": "m", "provider": "p", "input_tokens": number, "customer": f"{number % 7}"},
    ]
    return b"".join(json_lines([call(number, **fields[number % 3])]))


lines = st.one_of(
    st.integers(0, 3000).map(line),
    st.integers(0, 30).map(line),
    st.sampled_from([b"\n", b"not ours\n", b'{"event": "user.came"}\n', b"  \r\n", b"{\n"]),
)
logs = st.lists(st.lists(lines, max_size=20), min_size=1, max_size=3)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=logs, size=st.integers(1, 4000), most=st.sampled_from([2, 2000]), packed=st.booleans())
def test_law_chunks_fold_to_what_one_fold_gives(
    found: list[list[bytes]], size: int, most: int, tmp_path: Path, *, packed: bool
) -> None:
    """Totals, windows, doubles across chunks and files, and the names of bad lines, however files are cut."""
    names = []
    for place, each in enumerate(found):
        path = tmp_path / f"{place}.log"
        path.write_bytes(gzip.compress(b"".join(each)) if packed and place else b"".join(each)[:-1])
        names.append(str(path))
    config = Config(config_file=None, max_series=most, cost_attributes=("customer",))
    assert told(chunked(names, config, size)) == told(folded(names, config))


@pytest.mark.parametrize("packed", [False, True])
def test_a_line_that_is_too_long_is_one_line(packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is passed over, whichever chunks it would lie in, and the lines after it have their numbers."""
    for module in ("lines", "chunks", "fold"):
        monkeypatch.setattr(f"pepperpy_obs.replay.{module}.LONGEST", 1_000_000)
    path = tmp_path / "app.log"
    text = b"".join(json_lines([call(1)])) + b"{" * 3_000_000 + b"\nnot ours\n" + b"".join(json_lines([call(2)]))
    path.write_bytes(gzip.compress(text) if packed else text)
    fold = chunked([str(path)], Config(config_file=None), 1000)
    assert (fold.events, fold.passed_over) == (2, 2)
    assert fold.named == folded([str(path)], Config(config_file=None)).named
    assert fold.named[0] == f"{path}:2: longer than 1000000 bytes"


@pytest.mark.parametrize("packed", [False, True])
def test_chunks_are_whole_lines(packed: bool, tmp_path: Path) -> None:
    """Together they are the file, and each but the last ends with a line feed."""
    text = b"".join(json_lines([call(number) for number in range(5000)]))[:-1]
    path = tmp_path / "app.log"
    path.write_bytes(gzip.compress(text) if packed else text)
    texts = [b"".join(chunk.pieces()) for chunk in chunks_of(str(path), 10_000)]
    assert b"".join(texts) == text
    assert len(texts) > 3
    assert all(each.endswith(b"\n") for each in texts[:-1])


def test_a_compressed_file_that_breaks_off_says_so(tmp_path: Path) -> None:
    """What was there counts, and the file is named."""
    path = tmp_path / "app.log.gz"
    path.write_bytes(gzip.compress(b"".join(json_lines([call(number) for number in range(3000)])))[:-20_000])
    config = Config(config_file=None)
    fold = chunked([str(path)], config, 100_000)
    assert told(fold) == told(folded([str(path)], config))
    assert fold.named[-1].startswith(f"{path}: cannot be read further: ")
