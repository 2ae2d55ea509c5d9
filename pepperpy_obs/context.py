"""Who calls whom: the current call, its ids and agent, and W3C `traceparent` in and out.

One context variable holds the record of the call that is running. A call only keeps a
reference to its caller's record; ids are made when somebody asks for them, as a rule the drain.
"""

from __future__ import annotations

import copyreg
import os
import re
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs._exclusive import BusyError, Exclusive
from pepperpy_obs._record import CALLER, SPEC, Record, blank

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from contextvars import Token
    from decimal import Decimal

    from pepperpy_obs._record import Spec

from contextlib import contextmanager

__all__ = ["CURRENT", "Purse", "continue_trace", "format_traceparent", "lineage", "parse_traceparent"]

CURRENT: Final[ContextVar[Record | None]] = ContextVar("pepperpy_obs_call", default=None)


def _reduced(variable: ContextVar[Any]) -> Any:
    """Name our variable, which each process has; another one goes the way it went before us."""
    if variable is CURRENT:
        return _ours, ()
    if _reduced_before is not None:
        return _reduced_before(variable)
    msg = f"cannot pickle '{type(variable).__module__}.{type(variable).__qualname__}' object"
    raise TypeError(msg)


def _ours() -> ContextVar[Record | None]:
    return CURRENT


# cloudpickle (joblib, Dask, Ray, Spark) sends functions of `__main__` and of notebooks by value, with the globals that
# they use. A wrapper's are the methods of this variable.
_reduced_before: Any = copyreg.dispatch_table.get(ContextVar)
copyreg.pickle(ContextVar, _reduced)


class Purse:
    """What has been spent under one budgeted call, and under the budgeted ones around it."""

    __slots__ = ("limit", "outer", "spent")

    def __init__(self, limit: Decimal, outer: Purse | None) -> None:
        self.limit = limit
        self.outer = outer
        self.spent: Decimal = limit - limit

    def spend(self, cost: Decimal) -> None:
        """Add a cost here and in every purse around this one. Called under the drain's lock."""
        purse: Purse | None = self
        while purse is not None:
            purse.spent += cost
            purse = purse.outer


Lineage = tuple[str, str | None, str | None, str | None, Purse | None]
"""trace id, span id (None: no span, only a trace), parent span id, agent, purse."""

_SPAN_BYTES: Final = 8
_TRACE_BYTES: Final = 16
_lock = Exclusive()
_PATIENCE: Final = 0.5


def lineage(record: Record) -> Lineage:
    """Return the ids and the agent of a call; they are made on first asking and then stay."""
    if type(record[CALLER]) is not tuple:
        settle([record])
    known: Lineage = record[CALLER]
    return known


def settle(records: Sequence[Record]) -> None:
    """Make the lineage of each record: one lock, and bulk reads of the system's randomness, for a whole batch.

    To cut one long hex text in C costs a tenth of formatting `getrandbits` each time, and the
    application's seeded generator is left alone.
    """
    # Whoever holds the lock may be a thread whose signal handler waits for a drain that waits here.
    try:
        _lock.run(lambda: _settle(records), _PATIENCE)
    except BusyError:
        _settle(records)


def _settle(records: Sequence[Record]) -> None:
    ids = os.urandom(_SPAN_BYTES * len(records)).hex(" ", _SPAN_BYTES).split()
    traces: list[str] = []
    before: object = ids
    trace, above, agent, purse = "", None, None, None
    for record, own in zip(records, ids, strict=True):
        caller, spec = record[CALLER], record[SPEC]
        if caller is not before:  # siblings follow each other
            if type(caller) is tuple:
                continue
            before = ids
            if caller is None:
                if not spec.traced:
                    continue
                traces = traces or os.urandom(_TRACE_BYTES * len(records)).hex(" ", _TRACE_BYTES).split()
                trace, above, agent, purse = traces.pop(), None, None, None
            else:
                if type(caller[CALLER]) is not tuple:
                    _settle_above(record)
                trace, above, _, agent, purse = caller[CALLER]
                before = caller
        if spec.plain:
            record[CALLER] = (trace, own, above, agent, purse)
        else:
            record[CALLER] = _born(spec, own, (trace, above, None, agent, purse))


def _settle_above(record: Record) -> None:
    """Settle the callers above a record, topmost first.

    A loop, not a recursion: agents nest as deep as they please. The lineage takes the place of the
    reference to the caller, or a task that starts its own successor for ever would keep them all.
    """
    above: list[Record] = []
    caller = record[CALLER]
    while caller is not None and type(caller[CALLER]) is not tuple:
        above.append(caller)
        caller = caller[CALLER]
    for one in reversed(above):
        settle([one])


def _born(spec: Spec, own: str, caller: Lineage) -> Lineage:
    """Return the lineage of a call that names an agent, has a budget, or is no call but an agent's block."""
    trace, span, _, agent, purse = caller
    agent = spec.credited or agent
    if spec.silent:
        return (trace, span, None, agent, purse)
    if spec.budget is not None:
        purse = Purse(spec.budget, purse)
    return (trace, own, span, agent, purse)


def leave(token: Token[Record | None]) -> None:
    """Make the caller current again, wherever this happens to run."""
    try:
        CURRENT.reset(token)
    except (ValueError, RuntimeError):
        # RuntimeError: a block that was entered twice has used its token.
        # What nobody finished is closed by the garbage collector, in whatever context that runs.
        # The variable that we set lived in another one and died with it: nothing to put back.
        return


_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


def parse_traceparent(header: object) -> tuple[str, str] | None:
    """Return the trace and span id of a W3C `traceparent`, or None if it is not a valid one.

    As the Trace Context recommendation (section 3.2) says: version ff and ids of zeros are
    invalid, later versions may append fields, version 00 may not.

    >>> parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    ('4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7')
    >>> parse_traceparent("00-00000000000000000000000000000000-00f067aa0ba902b7-01")
    """
    if isinstance(header, bytes):  # as ASGI servers hand headers on
        header = header.decode("latin-1")
    match = _TRACEPARENT.fullmatch(header.strip()) if isinstance(header, str) else None
    if match is None:
        return None
    version, trace, span, _, rest = match.groups()
    if version == "ff" or (version == "00" and rest) or not trace.strip("0") or not span.strip("0"):
        return None
    return trace, span


def format_traceparent(record: Record) -> str | None:
    """Return the header to send on, so that the callee's spans hang below this call."""
    trace, span, *_ = lineage(record)
    return None if span is None else f"00-{trace}-{span}-01"


def remote(trace: str, span: str) -> Record:
    """Return a record that stands for a caller in another process."""
    record = blank(None, None)
    record[CALLER] = (trace, span, None, None, None)
    return record


@contextmanager
def continue_trace(traceparent: str | None) -> Generator[None]:
    """Let the calls inside be children of the span that a `traceparent` header names.

    A header that is missing or broken starts a new trace, as the recommendation asks.
    """
    found = parse_traceparent(traceparent) if traceparent else None
    token = CURRENT.set(remote(*found) if found else None)
    try:
        yield
    finally:
        leave(token)


def before_fork() -> None:
    """Name the running call, so that parent and child call it by the same ids."""
    record = CURRENT.get()
    if record is not None:
        lineage(record)


def after_fork() -> None:
    """In a forked child: a lock nobody holds."""
    global _lock
    _lock = Exclusive()
