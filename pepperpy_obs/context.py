"""The current call, its caller, ids and agent, and W3C `traceparent` in and out.

One context variable holds the record of the call that is running. A call only keeps a
reference to its caller's record; ids are made when first asked for, as a rule by the drain.
"""

from __future__ import annotations

import copyreg
import os
import re
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs._account import Account
from pepperpy_obs._exclusive import BusyError, Exclusive
from pepperpy_obs._record import CALLER, NOTES, SPEC, Around, Elsewhere, Record, Spec, blank
from pepperpy_obs.baggage import parse_baggage

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from concurrent.futures import Executor
    from contextvars import Token

from contextlib import contextmanager

__all__ = [
    "CURRENT",
    "account_of",
    "continue_trace",
    "executor",
    "format_traceparent",
    "parse_traceparent",
    "span_context",
]

ONLY_FIELDS: Final = Spec("", silent=True)
"""Of blocks that put fields on calls, and name no agent: so they begin no trace."""
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


SpanContext = tuple[str | None, str | None, str | None, str | None, Account | None]
"""trace id (None: none yet), span id (None: no span, only a trace), parent span id, agent, account.

The account is the call's own if it has one (`account_of`), else that of the call around it.
"""

_SPAN_BYTES: Final = 8
_TRACE_BYTES: Final = 16
_lock = Exclusive()
_PATIENCE: Final = 0.5


def span_context(record: Record) -> SpanContext:
    """Return the ids and the agent of a call; they are made on first asking and then stay."""
    if type(record[CALLER]) is not tuple:
        assign_ids([record], named=True)
    known: SpanContext = record[CALLER]
    return known


def account_of(record: Record) -> Account | None:
    """Return the account of a call, or None of one that has none: nothing was spent under it."""
    _, span, _, _, account = span_context(record)
    return account if account is not None and account.span == span else None


def is_above(record: Record, other: Record) -> bool:
    """Tell whether one call is the caller of another, or of its caller; once their ids are made, only the former."""
    above = other[CALLER]
    while above is not None and type(above) is not tuple:
        if above is record:
            return True
        other, above = above, above[CALLER]
    return above is not None and above[2] is not None and above[2] == span_context(record)[1]


def assign_ids(records: Sequence[Record], *, named: bool = False) -> None:
    """Make the span context of each record: one lock, and bulk reads of the system's randomness, for a whole batch.

    A call that is `named` while it runs has an account at once: its own answer may be still to come.

    To cut one long hex text in C costs a tenth of formatting `getrandbits` each time, and the
    application's seeded generator is left alone.
    """
    # The lock may be held by a thread whose signal handler waits for a drain that waits here.
    try:
        _lock.run(lambda: _assign_ids(records, named=named), _PATIENCE)
    except BusyError:
        _assign_ids(records, named=named)


def _assign_ids(records: Sequence[Record], *, named: bool) -> None:
    ids = os.urandom(_SPAN_BYTES * len(records)).hex(" ", _SPAN_BYTES).split()
    traces: list[str] = []
    before: object = ids
    trace: str | None = None
    above: str | None = None
    agent: str | None = None
    account: Account | None = None
    for record, own in zip(records, ids, strict=True):
        caller, spec = record[CALLER], record[SPEC]
        if caller is not before:  # siblings follow each other
            if type(caller) is tuple:
                continue
            before = ids
            if caller is None:
                if not spec.traced and not spec.silent:
                    continue
                trace, above, agent, account = None, None, None, None
            else:
                trace, above, _, agent, account = _of_caller(record, caller)
                if trace is not None:
                    before = caller
            if trace is None and spec.traced:
                traces = traces or os.urandom(_TRACE_BYTES * len(records)).hex(" ", _TRACE_BYTES).split()
                trace = traces.pop()
        if spec.plain and (record[NOTES] is None or not spec.traced):
            record[CALLER] = (trace, own, above, agent, account)
        else:
            record[CALLER] = _born(record, own, (trace, above, None, agent, account))
        if named:
            _with_account(record)


def _of_caller(record: Record, caller: Record) -> SpanContext:
    """Return the span context of the caller of `record`, with ids made and an account to charge."""
    if type(caller[CALLER]) is not tuple:
        _assign_ids_above(record)
    found: SpanContext = caller[CALLER]
    _, span, _, _, account = found
    return found if span is None or (account is not None and account.span == span) else _with_account(caller)


def _assign_ids_above(record: Record) -> None:
    """Assign ids to the callers above a record, topmost first.

    A loop, not a recursion: agents nest as deep as they please. The span context takes the place of the
    reference to the caller, or a task that starts its own successor for ever would keep them all.
    """
    above: list[Record] = []
    caller = record[CALLER]
    while caller is not None and type(caller[CALLER]) is not tuple:
        above.append(caller)
        caller = caller[CALLER]
    for one in reversed(above):
        assign_ids([one])


def _with_account(record: Record) -> SpanContext:
    """Give a call an account: before its first child is placed, so that it is charged for all of them."""
    known: SpanContext = record[CALLER]
    trace, span, parent, agent, account = known
    if span is not None and (account is None or account.span != span):
        known = record[CALLER] = (trace, span, parent, agent, Account(span, account))
    return known


def _born(record: Record, own: str, caller: SpanContext) -> SpanContext:
    """Return the span context of a call with an account of its own, or of a block that is no call."""
    trace, span, _, agent, account = caller
    spec, notes = record[SPEC], record[NOTES]
    if type(notes) is Around:
        fields = notes.fields if account is None or not account.fields else {**account.fields, **notes.fields}
        return (trace, span, None, agent, Account(span, account, fields=fields, block=notes.block))
    agent = spec.credited or agent
    if spec.silent:
        return (trace, span, None, agent, Account(span, account))
    return (trace, own, span, agent, Account(own, account, limit=spec.budget))


def reset(token: Token[Record | None]) -> None:
    """Make the caller current again, wherever this happens to run."""
    try:
        CURRENT.reset(token)
    except (ValueError, RuntimeError):
        # RuntimeError: a block that was entered twice has used its token.
        # A generator that was not finished is closed by the garbage collector, in whatever context that runs.
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
    trace, span, *_ = span_context(record)
    return None if span is None else f"00-{trace}-{span}-01"


def remote(trace: str, span: str) -> Record:
    """Return a record that stands for a caller in another process."""
    record = blank(None, None)
    record[CALLER] = (trace, span, None, None, None)
    return record


def caller_of(traceparent: str | None, baggage: str | None, *, below: Record | None) -> Record | None:
    """Return a record that stands for the caller that two headers speak of, or `below` if they say nothing."""
    found = parse_traceparent(traceparent) if traceparent else None
    fields = parse_baggage(baggage) if baggage else {}
    caller = below if found is None else remote(*found)
    if fields:
        around = blank(ONLY_FIELDS, caller)
        around[NOTES] = Around(call_of(caller), fields)
        return around
    return caller


def elsewhere(trace: str, span: str, *, below: Record | None) -> Record:
    """Return a record that stands for a span of another tracing in this process, `below` what is current.

    Calls inside are its children, for the agent of the calls around and charged to them.
    """
    agent, account = (None, None) if below is None else span_context(below)[3:]
    record = blank(ONLY_FIELDS, None)
    record[CALLER] = (trace, span, None, agent, account)
    record[NOTES] = Elsewhere(below)
    return record


def own_place(record: Record | None) -> Record | None:
    """Return what is current of ours: a span of another tracing changes nothing for the code inside."""
    while record is not None and type(record[NOTES]) is Elsewhere:
        record = record[NOTES].call
    return record


def call_of(record: Record | None) -> Record | None:
    """Return the record of the call that something happens in: not that of a block of attributes."""
    record = own_place(record)
    if record is None or record[SPEC] is None:
        return None
    notes = record[NOTES]
    return notes.call if type(notes) is Around else record


def executor(pool: Executor) -> Executor:
    """Return an executor that runs functions in threads of `pool`, as part of the call that submits them.

    Their calls are its children, for its agent and with its fields. Raises SetupError for a pool of processes, where a
    context does not get.
    """
    from pepperpy_obs._executor import CarryingExecutor  # noqa: PLC0415 - few need it, and it loads the pools

    return CarryingExecutor(pool)


@contextmanager
def continue_trace(traceparent: str | None, baggage: str | None = None) -> Generator[None]:
    """Let the calls inside be children of the span that a `traceparent` header names, with the fields of `baggage`.

    A header that is missing or broken starts a new trace, as the recommendation asks.
    """
    token = CURRENT.set(caller_of(traceparent, baggage, below=None))
    try:
        yield
    finally:
        reset(token)


def before_fork() -> None:
    """Name the running call, so that parent and child call it by the same ids."""
    record = CURRENT.get()
    if record is not None:
        span_context(record)


def after_fork() -> None:
    """In a forked child: a lock that is free."""
    global _lock
    _lock = Exclusive()
