"""An output that takes events as lines of one format, and hands them to a sink."""

from __future__ import annotations

from dataclasses import dataclass

from pepperpy_obs.typing import Batch, Format, LineSink

__all__ = ["LineOutput"]


@dataclass(frozen=True, slots=True)
class LineOutput:
    """Takes batches of events away as lines. What fails, rendering included, is counted under its `name`."""

    name: str
    format: Format
    sink: LineSink

    def write(self, batch: Batch) -> None:
        """Hand the batch's lines to the sink; lines of one format are made once, however many outputs take them."""
        self.sink.write(batch.lines(self.format))

    def close(self) -> None:
        """Close the sink."""
        self.sink.close()
