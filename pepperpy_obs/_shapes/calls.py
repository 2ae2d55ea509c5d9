"""Functions and coroutines: a wrapper generated with the exact signature of what it wraps.

Star arguments alone would cost half of the time that a decorated call may take (docs/performance.md).
The source runs in the namespace of `_clock`, so that the clock is read where freezegun and a manual clock reach it,
without a lookup in between. What else it uses is put there, too: closed over, each name would cost every call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs import _clock
from pepperpy_obs._dispatch import RECORDS
from pepperpy_obs._record import END, ERROR, SPEC, START, Spec
from pepperpy_obs._shapes.answer import taker
from pepperpy_obs._shapes.asked import asked_by, candidates, note_asked
from pepperpy_obs._shapes.capture import lost, note_carried
from pepperpy_obs._shapes.source import generated
from pepperpy_obs.context import CURRENT

if TYPE_CHECKING:
    from collections.abc import Callable
    from inspect import Signature

__all__ = ["wrap_call"]

# One record display by hand instead of `_record.blank`, and no `finally` where all goes well: each function call
# here costs a tenth of the whole budget, and where the stack has overflowed none is possible.
# END is written last: it publishes the record. The loop never goes round: a call that finds no memory for its
# record leaves it, and so runs outside of our handler, without a trace of us in its exceptions.
# A signal handler may raise after any call, so all that is to be taken back is done inside of the `try`. Until the
# variable is set, its value from before stands where the token will: it cannot be reset then, but set again.
_SOURCE: Final = """\
def _pp_make(_pp_target, _pp_given, _pp_take):
    {async_}def {name}({parameters}):
        if _pp_len(_pp_list) >= _pp_records.threshold:
            if _pp_records.off:
                return {await_}_pp_target({arguments})
            _pp_records.drain_some()
        while True:
            try:
                _pp_record = [_pp_given, _pp_token := _pp_caller(), perf_counter_ns(), None, None, None]
            except _pp_no_memory:
                break
            try:
                try:
                    _pp_append(_pp_record)
                    _pp_token = _pp_enter(_pp_record)
                except _pp_no_memory:
                    _pp_record[{SPEC}], _pp_record[{END}] = _pp_unseen, _pp_record[{START}]
                    break
{ask}                _pp_result = {await_}_pp_target({arguments})
{finish}                return _pp_result
            except _pp_any_error as _pp_error:
                try:
                    _pp_leave(_pp_token)
                except _pp_no_token:
                    _pp_enter(_pp_token)
                except _pp_cannot_leave:
                    pass
                finally:
                    if _pp_record[{END}] is None:
                        _pp_record[{ERROR}] = _pp_any_error
                        _pp_end = _pp_record[{START}]
                        try:
                            _pp_record[{ERROR}] = _pp_type(_pp_error)
                            _pp_end = perf_counter_ns()
{fail}                        finally:
                            _pp_record[{END}] = _pp_end
                raise
        try:
            _pp_lost()
        except _pp_no_room:
            pass
        return {await_}_pp_target({arguments})
    return {name}
"""

# In the caller's context, where a full stack is nothing to the call.
_ASK: Final = """\
                try:
                    _pp_note_asked(_pp_record, {candidates})
                except _pp_no_room:
                    pass
"""
_FAIL: Final = """\
                        except _pp_no_memory:
                            pass
"""
# An exception may carry an answer, which was paid for. The record ends even where there is no stack left to look.
_FAIL_TRACKED: Final = """\
                            _pp_note(_pp_record, _pp_error)
                        except _pp_no_room:
                            pass
"""
_FINISH: Final = """\
                try:
                    _pp_record[{END}] = perf_counter_ns()
                except _pp_no_memory:
                    _pp_record[{END}] = _pp_record[{START}]
                try:
                    _pp_leave(_pp_token)
                except _pp_cannot_leave:
                    pass
"""
_FINISH_TRACKED: Final = """\
                _pp_end = _pp_record[{START}]
                try:
                    _pp_end = perf_counter_ns()
                    _pp_leave(_pp_token)
                except _pp_cannot_leave:
                    pass
                _pp_result = _pp_take(_pp_record, _pp_result, _pp_end)
"""

_TOOLS: Final[dict[str, object]] = {
    "_pp_records": RECORDS,
    "_pp_list": RECORDS.records,
    "_pp_append": RECORDS.append,
    "_pp_caller": CURRENT.get,
    "_pp_enter": CURRENT.set,
    "_pp_leave": CURRENT.reset,
    "_pp_len": len,
    "_pp_any_error": BaseException,
    # A coroutine may be closed by the garbage collector, in another context (as in `context.reset`).
    # RuntimeError: the token was used before a signal handler raised.
    "_pp_cannot_leave": (ValueError, RuntimeError, MemoryError),
    "_pp_no_token": TypeError,
    "_pp_type": type,
    "_pp_no_memory": MemoryError,
    "_pp_lost": lost,
    "_pp_unseen": Spec("", silent=True),
    "_pp_note": note_carried,
    "_pp_note_asked": note_asked,
    "_pp_asked_by": asked_by,
    "_pp_no_room": (RecursionError, MemoryError),
}
"""What a wrapper uses; no parameter of the user's may bear these names."""
_NAMESPACE: Final = _clock.__dict__
_NAMESPACE.update(_TOOLS)


def wrap_call(target: Callable[..., Any], spec: Spec, *, is_coroutine: bool) -> Callable[..., Any]:
    """Return a function or coroutine function that records each call of `target`."""
    take = taker(spec)
    fail, finish = (_FAIL, _FINISH) if take is None else (_FAIL_TRACKED, _FINISH_TRACKED)

    def ask(signature: Signature | None, arguments: str) -> str:
        found = candidates(target, spec, signature, arguments)
        return _ASK.format(candidates=found) if found else ""

    return generated(
        _SOURCE,
        target,
        (spec, take),
        _NAMESPACE,
        async_="async " if is_coroutine else "",
        await_="await " if is_coroutine else "",
        name="measured_coroutine" if is_coroutine else "measured_call",
        SPEC=SPEC,
        START=START,
        END=END,
        ERROR=ERROR,
        ask=ask,
        fail=fail,
        finish=finish.format(START=START, END=END),
    )
