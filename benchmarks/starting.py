"""What `import pepperpy_obs` takes beside `import structlog`, in fresh interpreters, in turns."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from statistics import median

__all__ = ["main"]

_TIMED = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def main() -> None:
    """Print medians of milliseconds as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=15)
    repeat = parser.parse_args().repeat
    took: dict[str, list[float]] = {"structlog": [], "pepperpy_obs": [], "prometheus_client": []}
    for _ in range(repeat):
        for module, taken in took.items():
            command = [sys.executable, "-c", _TIMED.format(module)]
            taken.append(float(subprocess.run(command, capture_output=True, check=True).stdout) * 1e3)  # noqa: S603 - ours
    found = {f"{module} ms": median(taken) for module, taken in took.items()}
    ratio = median(own / its for own, its in zip(took["pepperpy_obs"], took["structlog"], strict=True))
    sys.stdout.write(f"{json.dumps(found | {'ratio to structlog': ratio})}\n")


if __name__ == "__main__":
    main()
