"""Functions and coroutines: a wrapper generated with the exact signature of what it wraps.

Star arguments alone would cost half of the time that a decorated call may take (docs/performance.md).
The source runs in the namespace of `_clock`, so that the clock is read where freezegun and a manual clock reach it,
without a lookup in between. What else it uses is put there, too: closed over, each name would cost every call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pepperpy_obs import _clock
from pepperpy_obs._dispatch import HUB
from pepperpy_obs._record import END, ERROR
from pepperpy_obs._shapes.answer import taker
from pepperpy_obs._shapes.capture import note_carried
from pepperpy_obs._shapes.source import generated
from pepperpy_obs.context import CURRENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from pepperpy_obs._record import Spec

__all__ = ["wrap_call"]

# One record display by hand instead of `_record.blank`, and no `finally`: each function call
# here costs a tenth of the whole budget, and where the stack has overflowed none is possible.
# END is written last: it publishes the record.
_SOURCE: Final = """\
def _pp_make(_pp_target, _pp_spec, _pp_take):
    {async_}def {name}({parameters}):
        if _pp_len(_pp_buffer) >= _pp_hub.limit:
            if _pp_hub.off:
                return {await_}_pp_target({arguments})
            _pp_hub.relieve()
        _pp_record = [_pp_spec, _pp_caller(), perf_counter_ns(), None, None, None]
        _pp_append(_pp_record)
        _pp_token = _pp_enter(_pp_record)
        try:
            _pp_result = {await_}_pp_target({arguments})
        except _pp_any_error as _pp_error:
            _pp_record[{ERROR}] = _pp_error.__class__
{fail}            raise
{finish}        return _pp_result
    return {name}
"""

_FAIL: Final = """\
            _pp_record[{END}] = perf_counter_ns()
            try:
                _pp_leave(_pp_token)
            except _pp_wrong_context:
                pass
"""
# An exception may carry an answer, which was paid for. The record ends even where there is no stack left to look.
_FAIL_TRACKED: Final = """\
            _pp_end = perf_counter_ns()
            try:
                _pp_leave(_pp_token)
            except _pp_wrong_context:
                pass
            try:
                _pp_note(_pp_record, _pp_error)
            except _pp_ours:
                pass
            finally:
                _pp_record[{END}] = _pp_end
"""
_FINISH: Final = """\
        _pp_record[{END}] = perf_counter_ns()
{leave}"""
_FINISH_TRACKED: Final = """\
        _pp_end = perf_counter_ns()
{leave}        _pp_result = _pp_take(_pp_record, _pp_result, _pp_end)
"""
_LEAVE: Final = """\
        _pp_leave(_pp_token)
"""
# `context.leave` by hand: a coroutine may be closed by the garbage collector, in another context.
_LEAVE_ANYWHERE: Final = """\
        try:
            _pp_leave(_pp_token)
        except _pp_wrong_context:
            pass
"""

_TOOLS: Final[dict[str, object]] = {
    "_pp_hub": HUB,
    "_pp_buffer": HUB.buffer,
    "_pp_append": HUB.append,
    "_pp_caller": CURRENT.get,
    "_pp_enter": CURRENT.set,
    "_pp_leave": CURRENT.reset,
    "_pp_len": len,
    "_pp_any_error": BaseException,
    "_pp_wrong_context": ValueError,
    "_pp_note": note_carried,
    "_pp_ours": Exception,
}
"""What a wrapper uses; no parameter of the user's may bear these names."""
_NAMESPACE: Final = _clock.__dict__
_NAMESPACE.update(_TOOLS)


def wrap_call(target: Callable[..., Any], spec: Spec, *, is_coroutine: bool) -> Callable[..., Any]:
    """Return a function or coroutine function that records each call of `target`."""
    take = taker(spec)
    fail, finish = (_FAIL, _FINISH) if take is None else (_FAIL_TRACKED, _FINISH_TRACKED)
    return generated(
        _SOURCE,
        target,
        (spec, take),
        _NAMESPACE,
        async_="async " if is_coroutine else "",
        await_="await " if is_coroutine else "",
        name="measured_coroutine" if is_coroutine else "measured_call",
        ERROR=ERROR,
        fail=fail.format(END=END),
        finish=finish.format(END=END, leave=_LEAVE_ANYWHERE if is_coroutine else _LEAVE),
    )
