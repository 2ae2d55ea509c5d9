"""Eight threads hammering, with threads switched a thousand times as often as usual: is every call counted once?"""

from __future__ import annotations

import argparse
import json
import sys
import sysconfig
import threading

from pepperpy_obs import Config, configure, measured, stats

__all__ = ["main"]


def hammer(threads: int, calls: int) -> int:
    """Return how many calls were counted of those that several threads made at once."""

    @measured(operation="hammered")
    def nothing() -> None:
        """Do nothing."""

    ready = threading.Barrier(threads)

    def work() -> None:
        ready.wait()
        for _ in range(calls):
            nothing()

    usual = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    try:
        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(usual)
    return sum(data.calls for key, data in stats().snapshot.series.items() if key.operation == "hammered")


def main() -> None:
    """Print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--calls", type=int, default=50_000)
    given = parser.parse_args()
    configure(Config(config_file=None, log_format="none"))
    found = {
        "made": given.threads * given.calls, "counted": hammer(given.threads, given.calls),
        "free-threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    }  # fmt: skip
    sys.stdout.write(f"{json.dumps(found)}\n")


if __name__ == "__main__":
    main()
