"""Tasks for Celery's workers; each is a call that costs a cent, and a line of a file."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import celery  # type: ignore[import-untyped] # pyright: ignore[reportMissingTypeStubs]

from pepperpy_obs import flush
from tests.fleet.app import answer

FOLDER = Path(os.environ.get("TASKS_FOLDER", "."))
app: Any = celery.Celery("tasks", broker="filesystem://")
app.conf.update(
    broker_transport_options={"data_folder_in": str(FOLDER / "queue"), "data_folder_out": str(FOLDER / "queue")},
)


@app.task  # type: ignore[untyped-decorator]
def work(number: int) -> None:
    """Do one call; number 7 is killed after it."""
    answer("/")
    (FOLDER / "done" / str(number)).touch()
    if number == 7:
        flush()
        os.kill(os.getpid(), signal.SIGKILL)
