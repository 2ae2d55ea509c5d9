"""Opens the outputs that a Config asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pepperpy_obs import _clock
from pepperpy_obs._guard import failed
from pepperpy_obs.chain import FORMATS
from pepperpy_obs.formats.console import Console
from pepperpy_obs.formats.lines import json_lines
from pepperpy_obs.outputs.file import File
from pepperpy_obs.outputs.line_output import LineOutput
from pepperpy_obs.outputs.stream import Stream
from pepperpy_obs.readings import DeliveryStats
from pepperpy_obs.runtime.sinks import open_shipper
from pepperpy_obs.runtime.structlog_output import StructlogOutput
from pepperpy_obs.typing import Format, LineSink, Output

if TYPE_CHECKING:
    from pepperpy_obs.config import Config

__all__ = ["ADDED", "Ships", "close_outputs", "open_outputs", "shipper_of"]

ADDED: dict[str, Callable[[], Output]] = {}
"""Further outputs that rooms above have asked for, by name; opened with the others, whatever the settings are."""


def open_outputs(config: Config) -> list[Output]:
    """Open the outputs that `config` asks for; raises SetupError for what cannot be opened."""
    outputs: list[Output] = []
    form: str = config.log_format
    if form != "none":
        stream = Stream(config.log_stream)
        if form == "auto":
            form = "console" if config.log_file is None and stream.is_terminal() else "json"
        colors = config.log_file is None and stream.takes_colors()
        render: Format = Console(colors=colors).lines if form == "console" else FORMATS[form]
        if config.log_file is None:
            outputs.append(LineOutput(config.log_stream, render, stream))
        else:
            file = File(
                config.log_file,
                max_bytes=config.log_max_bytes,
                backups=config.log_backups,
                mode=config.log_file_mode,
            )
            outputs.append(LineOutput("file", render, file))
    if config.log_to_structlog:
        outputs.append(StructlogOutput())
    outputs += [make() for make in ADDED.values()]
    # The last one: a file that was opened in vain holds nothing, a shipper holds threads and a directory.
    if (shipper := open_shipper(config)) is not None:
        outputs.append(LineOutput("ship", json_lines, shipper))
    return outputs


@runtime_checkable
class Ships(LineSink, Protocol):
    """A sink with threads and books of its own, which needs time to end and to be told of a fork: a `Shipper`."""

    def close(self, timeout: float = 2.0) -> None:
        """Send what can be sent in `timeout` seconds, and end."""

    def flush(self, timeout: float) -> bool:
        """Wait `timeout` seconds at most until all is sent; return whether it is."""
        ...

    def after_fork(self) -> None:
        """Begin anew in a forked child."""

    def ledgers(self) -> Mapping[str, DeliveryStats]:
        """Return the books of every receiver."""
        ...


def close_outputs(outputs: Sequence[Output], timeout: float) -> None:
    """Close every output; those that need time for it share `timeout` seconds."""
    left = _clock.countdown(timeout)
    for output in outputs:
        try:
            if (shipper := shipper_of(output)) is not None:
                shipper.close(left())
            else:
                output.close()
        except Exception as error:
            failed(output.name, error)


def shipper_of(output: Output) -> Ships | None:
    """Return the shipper behind an output, if that is one."""
    sink = output.sink if isinstance(output, LineOutput) else None
    return sink if isinstance(sink, Ships) else None
