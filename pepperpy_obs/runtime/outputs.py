"""Opens the ways out that a Config asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pepperpy_obs import _clock
from pepperpy_obs._guard import failed
from pepperpy_obs.chain import FORMATS, Exit
from pepperpy_obs.formats.console import Console
from pepperpy_obs.formats.lines import json_lines
from pepperpy_obs.outputs.file import File
from pepperpy_obs.outputs.stream import Stream
from pepperpy_obs.readings import DeliveryStats
from pepperpy_obs.runtime.sinks import open_shipper
from pepperpy_obs.runtime.structlog_output import Nowhere, hand_over
from pepperpy_obs.typing import WayOut

if TYPE_CHECKING:
    from pepperpy_obs.config import Config

__all__ = ["Ships", "close_exits", "open_exits"]


def open_exits(config: Config) -> list[Exit]:
    """Open the ways out that `config` asks for; raises SetupError for what cannot be opened."""
    exits: list[Exit] = []
    form: str = config.log_format
    if form != "none":
        stream = Stream(config.log_stream)
        if form == "auto":
            form = "console" if config.log_file is None and stream.is_terminal() else "json"
        colors = config.log_file is None and stream.takes_colors()
        render = Console(colors=colors).lines if form == "console" else FORMATS[form]
        if config.log_file is None:
            exits.append(Exit(config.log_stream, render, stream))
        else:
            file = File(
                config.log_file,
                max_bytes=config.log_max_bytes,
                backups=config.log_backups,
                mode=config.log_file_mode,
            )
            exits.append(Exit("file", render, file))
    if config.log_to_structlog:
        exits.append(Exit("structlog", hand_over, Nowhere()))
    # The last one: a file that was opened in vain holds nothing, a shipper holds threads and a directory.
    if (shipper := open_shipper(config)) is not None:
        exits.append(Exit("ship", json_lines, shipper))
    return exits


@runtime_checkable
class Ships(WayOut, Protocol):
    """A way out with threads and books of its own, which needs time to end and to be told of a fork: a `Shipper`."""

    def close(self, timeout: float = 2.0) -> None:
        """Send what can be sent in `timeout` seconds, and end."""

    def after_fork(self) -> None:
        """Begin anew in a forked child."""

    def ledgers(self) -> Mapping[str, DeliveryStats]:
        """Return the books of every receiver."""
        ...


def close_exits(exits: Sequence[Exit], timeout: float) -> None:
    """Close every way out; those that need time for it share `timeout` seconds."""
    left = _clock.countdown(timeout)
    for name, _, way in exits:
        try:
            if isinstance(way, Ships):
                way.close(left())
            else:
                way.close()
        except Exception as error:
            failed(name, error)
