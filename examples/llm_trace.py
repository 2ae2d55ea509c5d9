"""Plays a CSV of production LLM calls through decorated agent functions, in simulated time.

    python examples/llm_trace.py trace.csv --log trace.log
    pepperpy-obs replay trace.log

The CSV has the columns TIMESTAMP, ContextTokens and GeneratedTokens, as Azure's public traces of
language model inference have (github.com/Azure/AzurePublicDataset). An hour of calls is over in
seconds: the event loop never waits, it moves the clock to the next thing that is due. The events
bear the times of the trace; how long a call takes follows from its tokens alone.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import selectors
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from pepperpy_obs import Config, configure, costed, measured
from pepperpy_obs.reports.stats import Stats
from pepperpy_obs.testing import ManualClock

COLUMNS: Final = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"]
SECOND: Final = 1_000_000_000


class TraceError(ValueError):
    """The CSV is not such a trace; the message names file and line."""


class LlmCall(NamedTuple):
    """One row: when the call came in (UTC epoch nanoseconds), and its tokens."""

    at: int
    context: int
    generated: int

    @property
    def seconds(self) -> float:
        """How long the call takes: reading the prompt costs 45 us a token, writing the answer 22 ms a token."""
        return (120_000_000 + 45_000 * self.context + 22_000_000 * self.generated) / SECOND


def read_trace(path: Path) -> Iterator[LlmCall]:
    """Yield the calls of a trace, one row at a time; TraceError names the first line that is wrong."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            yield from _rows(csv.reader(file), path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        msg = f"{path} cannot be read: {error}; give a CSV with the columns {', '.join(COLUMNS)}"
        raise TraceError(msg) from error


def _rows(rows: Any, path: Path) -> Iterator[LlmCall]:
    header: list[str] = next(rows, [])
    if header != COLUMNS:
        msg = f"{path}:1: the header is {','.join(header)!r}; it should be {','.join(COLUMNS)!r}"
        raise TraceError(msg)
    before = 0
    for row in rows:
        try:
            timestamp, context, generated = row
            call = LlmCall(epoch_ns(timestamp), tokens(context), tokens(generated))
        except ValueError as error:
            msg = f"{path}:{rows.line_num}: {','.join(row)!r} is no call ({error}), as '2023-11-16 18:17:03,480,10' is"
            raise TraceError(msg) from error
        if call.at < before:
            msg = f"{path}:{rows.line_num}: {timestamp} is earlier than the line above; sort the trace by TIMESTAMP"
            raise TraceError(msg)
        before = call.at
        yield call


def tokens(text: str) -> int:
    """Return a number of tokens; ValueError if it is none."""
    number = int(text)
    if number < 0:
        msg = f"{number} tokens cannot be"
        raise ValueError(msg)
    return number


def epoch_ns(text: str) -> int:
    """Return the nanoseconds of a time in UTC, digit by digit: a float has no room for them.

    >>> epoch_ns("2023-11-16 18:17:03.9799600")
    1700158623979960000
    """
    whole, _, fraction = text.partition(".")
    moment = datetime.fromisoformat(whole).replace(tzinfo=UTC)
    return int(moment.timestamp()) * SECOND + int(f"{fraction:0<9.9}")


class Skipping(selectors.DefaultSelector):
    """Moves a clock on by as long as the event loop would have waited."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self.clock = clock
        self.now = 0

    def select(self, timeout: float | None = None) -> Any:
        """Wait for nothing."""
        if timeout is None:
            return super().select(None)
        step = round(timeout * SECOND)
        self.now += step
        self.clock.advance(step / SECOND)
        return super().select(0)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop in which an hour of sleep takes no time; its clock is moved in whole nanoseconds."""

    def __init__(self, clock: ManualClock) -> None:
        self.skipping = Skipping(clock)
        super().__init__(self.skipping)

    def time(self) -> float:
        """Return the simulated time in seconds."""
        return self.skipping.now / SECOND


@measured(kind="agent", agent="assistant")
async def assist(call: LlmCall) -> None:
    """Answer one request."""
    await complete(call)


@costed(provider="openai", model="gpt-4o")
async def complete(call: LlmCall) -> dict[str, Any]:
    """Ask the model: the answer comes in the shape of a chat completion, after as long as it would take."""
    await asyncio.sleep(call.seconds)
    return {
        "object": "chat.completion",
        "model": "gpt-4o-2024-08-06",
        "usage": {
            "prompt_tokens": call.context,
            "completion_tokens": call.generated,
            "total_tokens": call.context + call.generated,
        },
    }


async def play(calls: Iterator[LlmCall], start: int) -> None:
    """Begin each call at its time; calls overlap as they did in production."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as running:
        for call in calls:
            await asyncio.sleep((call.at - start) / SECOND - loop.time())
            running.create_task(assist(call))


def simulate(path: Path, log: Path | None) -> Stats:
    """Play a trace, log one JSON line per event if a file is named, and return what it adds up to."""
    starts = [call.at for call in read_trace(path)]
    start = starts[0] // SECOND * SECOND if starts else 0
    config = Config(
        log_format="json" if log else "none",
        log_file=log,
        log_max_bytes=0,
        # The clock jumps between any two steps, so it must not be read by a background thread: what reads drains.
        drain_interval=3600,
    )
    with ManualClock(wall=start / SECOND) as clock, asyncio.Runner(loop_factory=lambda: SimulatedLoop(clock)) as runner:
        runtime = configure(config)
        runner.run(play(read_trace(path), start))
        runtime.shutdown()
        return runtime.stats()


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the trace that the command line names, and print what the calls add up to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("trace", type=Path, help=f"a CSV with the columns {', '.join(COLUMNS)}")
    parser.add_argument("--log", type=Path, metavar="FILE", help="write the events to this new file, as JSON lines")
    parser.add_argument("--json", action="store_true", help="print the statistics as JSON")
    options = parser.parse_args(arguments)
    if options.log is not None and options.log.exists():
        parser.error(f"{options.log} exists; events would be added to it: name a new file")
    try:
        stats = simulate(options.trace, options.log)
    except TraceError as error:
        print(f"llm_trace: {error}", file=sys.stderr)
        return 2
    print(stats.to_json() if options.json else stats)
    return 0


if __name__ == "__main__":
    sys.exit(main())
