"""`python -m tests.fleet.instance PORT CALLS`: makes so many calls, serves its pages, makes one more for each line."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from pepperpy_obs import Config, configure, costed, flush, measured, serve


@costed(kind="llm", provider="acme", model="small", usage=lambda _: {"input_tokens": 3, "output_tokens": 4})
def ask() -> None:
    """Ask a model; it costs a cent, and a millionth of a millionth."""


@measured(agent="scout", kind="agent")
def work() -> None:
    """Work, with one question."""
    ask()


def main() -> None:
    """Work until standard input ends."""
    with TemporaryDirectory() as folder:
        prices = Path(folder) / "prices.toml"
        prices.write_text('[[price]]\nprovider = "acme"\nmodel = "*"\nrequest = 0.010000000001\n', encoding="utf-8")
        configure(Config(config_file=None, log_format="none", price_file=prices))
        for _ in range(int(sys.argv[2])):
            work()
        flush()
        with serve(int(sys.argv[1])) as pages:
            assert pages.listening
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            for _ in sys.stdin:
                work()
                sys.stdout.write("done\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
