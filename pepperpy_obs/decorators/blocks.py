"""`with measure("operation")`, `with agent("name")` and `with attributes(...)`, which serve `async with` as well."""

from __future__ import annotations

import functools
from contextvars import Token
from typing import TYPE_CHECKING, Any, Unpack

from pepperpy_obs import _clock
from pepperpy_obs._call import SETTABLE, Call
from pepperpy_obs._dispatch import RECORDS
from pepperpy_obs._record import CALLER, END, NOTES, SPEC, START, Around, Record, Spec, blank
from pepperpy_obs._shapes.capture import fail, lost
from pepperpy_obs.context import CURRENT, ONLY_FIELDS, call_of, caller_of, reset
from pepperpy_obs.decorators.options import BlockOptions, checked_fields, make_spec
from pepperpy_obs.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from pepperpy_obs._dispatch import RecordBuffer

__all__ = ["Block", "agent", "attributes", "measure"]


class Block:
    """A stretch of code as one call. Use each block once; the object costs little."""

    __slots__ = ("_before", "_buffer", "_caller", "_fields", "_record", "_spec", "_token")

    def __init__(
        self,
        spec: Spec,
        *,
        caller: Record | None = None,
        fields: Mapping[str, Any] | None = None,
        buffer: RecordBuffer = RECORDS,
    ) -> None:
        self._spec = spec
        self._caller = caller
        self._fields = fields
        self._buffer = buffer
        self._before: Record | None = None
        self._record: Record | None = None
        self._token: Token[Record | None] | None = None

    def __enter__(self) -> Call:
        buffer = self._buffer
        if buffer.off:
            return Call(None, buffer)
        if len(buffer.records) >= buffer.threshold:
            buffer.drain_some()
        try:
            return self._enter(buffer)
        except MemoryError:
            lost()
            if self._record is not None:  # in the buffer already: it is to make no event, and to be in flight no more
                self._record[SPEC], self._record[END] = ONLY_FIELDS, self._record[START]
            return Call(None, buffer)
        except BaseException as error:  # a signal handler's: the caller's code is not to run below this block
            self._break_off(error)
            raise

    def _break_off(self, error: BaseException) -> None:
        record = self._record
        if record is not None:
            if CURRENT.get() is record:
                CURRENT.set(self._before)
            fail(record, error)

    def _enter(self, buffer: RecordBuffer) -> Call:
        self._before = CURRENT.get()
        record = self._record = blank(self._spec, self._caller or self._before)
        if self._fields is not None:
            record[NOTES] = Around(call_of(record[CALLER]), self._fields)
        record[START] = _clock.perf_counter_ns()  # before it enters the buffer: the drain relies on it
        buffer.append(record)
        self._token = CURRENT.set(record)
        object.__setattr__(self, "__class__", _EnteredBlock)
        return Call(record, buffer) if self._fields is None else Call(call_of(record), buffer, record)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._exit(error)
        except BaseException:  # a signal handler's
            self._exit(error)
            raise

    def _exit(self, error: BaseException | None) -> None:
        """Leave the block; once more does what is left to do."""
        record, token = self._record, self._token
        if record is None or token is None:
            return
        if record[END] is not None:
            pass
        elif error is None:
            record[END] = _clock.perf_counter_ns()
        else:
            fail(record, error)
        reset(token)
        if CURRENT.get() is record:
            # Opened in one task's step of a stream, closed in another's: the token is of no use there.
            CURRENT.set(None if token.old_value is Token.MISSING else token.old_value)
        object.__setattr__(self, "__class__", Block)

    async def __aenter__(self) -> Call:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)


class _EnteredBlock(Block):
    """Only what is entered has a `__del__`: Python prints what a signal handler raises in there."""

    __slots__ = ()

    def __del__(self) -> None:
        """Leave a block that Python could not: a signal handler had raised before a line of `__exit__` was run."""
        record = self._record
        if record is not None and CURRENT.get() is record:
            self._exit(GeneratorExit())
        elif record is not None and record[END] is None:
            fail(record, GeneratorExit())  # a block around it has been left meanwhile, and made its caller current


def measure(
    operation: str, *, traceparent: str | None = None, baggage: str | None = None, **options: Unpack[BlockOptions]
) -> Block:
    """Record the code in a `with` or `async with` block as one call of `operation`.

    `traceparent` and `baggage` are the W3C headers of a caller in another process, if there is one; see `attributes`
    for the second. The block gives the `Call`, for `.add(...)`, `.record_usage(...)` and `.spending()`.

    >>> with measure("parse", kind="tool") as call:
    ...     _ = call.add(pages=3)
    """
    return Block(spec_for(operation, options), caller=_caller(traceparent, baggage))


def agent(name: str, *, traceparent: str | None = None, baggage: str | None = None) -> Block:
    """Credit every call in the block to an agent; the block itself makes no event, and one trace joins its calls."""
    return Block(_agent_spec(name), caller=_caller(traceparent, baggage))


def attributes(**fields: object) -> Block:
    """Put fields on every call made in the block, in tasks and copied contexts too; the block itself makes no event.

    Fields given to one call (`attributes=`, `add`) stay its own, and inner blocks win over outer ones; None takes a
    field away. Costs are counted by those that `Config(cost_attributes=...)` names. `current_call().baggage` sends
    them on. Raises SetupError for a name of ours, and for a value that a log has no word for, such as a function.

    >>> with attributes(customer="acme"), measure("parse") as call:
    ...     call.baggage
    'customer=acme'
    """
    return Block(ONLY_FIELDS, fields=checked_fields(fields, "attributes()", refused=SETTABLE))


def spec_for(operation: str, options: Any) -> Spec:
    """Return the spec of a block; those without unhashable options are made once and kept."""
    if not options.keys() & {"attributes", "usage"}:
        return _cached_spec(operation, tuple(options.items()))
    return _spec(operation, options)


def _spec(operation: str, options: Any) -> Spec:
    return make_spec("", {"operation": operation, **options}, facets=frozenset({"cost"}), where="measure()")


@functools.lru_cache(maxsize=1024)
def _cached_spec(operation: str, options: tuple[tuple[str, Any], ...]) -> Spec:
    return _spec(operation, dict(options))


@functools.lru_cache(maxsize=1024)
def _agent_spec(name: object) -> Spec:
    if not isinstance(name, str) or not name:
        msg = f"agent({name!r}); give the agent's name, a text that is not empty"
        raise SetupError(msg)
    return Spec("", kind="agent", agent=name, silent=True)


def _caller(traceparent: str | None, baggage: str | None) -> Record | None:
    """Return what stands for a caller elsewhere; None for the one that there is when the block is entered."""
    return caller_of(traceparent, baggage, below=CURRENT.get()) if traceparent or baggage else None
