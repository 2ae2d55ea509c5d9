"""`python -m tests.storage.child URL BEGIN`: counts ten calls a minute from BEGIN on (epoch seconds), and stores them.

Each minute that the store has taken is a line of standard output, so that the test knows what it must find there when
this process has been killed. Standard input ends it in good order; `--smallest N` limits the files of the process.
"""

from __future__ import annotations

import argparse
import os
import resource
import select
import sys
from contextlib import suppress

from pepperpy_obs.errors import SourceError
from pepperpy_obs.testing import ManualClock
from tests.aggregate.strategies import SECOND
from tests.storage.life import Life

CALLS = 10
"""In each minute."""


def call(number: int) -> dict[str, object]:
    """Return the event of a call of one of seven operations, which costs a cent."""
    return {
        "event": "operation.finished",
        "operation": f"ask {number % 7}",
        "outcome": "ok",
        "duration_seconds": 0.25,
        "provider": "acme",
        "input_tokens": 3,
        "cost_usd": "0.01",
        "cost_source": "custom",
    }


def main() -> None:
    """Count and store until standard input says that it is enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("begin", type=int)
    parser.add_argument("--limit", type=int, help="bytes that a file may have")
    given = parser.parse_args()
    at = given.begin
    with ManualClock(at) as clock:
        life = Life(given.url)
        most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        if given.limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (given.limit, most))
        while True:
            for number in range(CALLS):
                life.fold(call(number), at * SECOND + number)
            life.flush()
            if life.writer.stats().waiting == 0:
                os.write(1, b"stored\n")
            else:
                os.write(1, f"waiting: {life.writer.stats().error}\n".encode())
                if sys.stdin.readline().startswith("room"):
                    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
                    life.flush()
                    os.write(1, f"{life.writer.stats().waiting} wait\n".encode())
                    return
            at += 60
            clock.advance(60)
            if at % 600 == 0:
                with suppress(*([SourceError] if given.limit else [])):  # it needs room, too
                    life.roll_up(at - 3600)
            if select.select([sys.stdin], [], [], 0)[0]:
                return


if __name__ == "__main__":
    main()
