# ruff: noqa: ANN201, D103, PLR1708, SIM105 - these are the users', annotated or not
# mypy: disable-error-code="no-untyped-def,no-untyped-call,unreachable"
# pyright: basic
"""Generators and async generators of every temper, for tests that drive them."""

import asyncio


class BoomError(Exception):
    pass


def echo():
    got = yield "first"
    while got != "stop":
        got = yield got
    return "result"


def empty():
    return "nothing"
    yield


def catches():
    while True:
        try:
            yield "waiting"
        except Exception as error:
            yield type(error).__name__


def ignores_its_close():
    try:
        yield 1
    except GeneratorExit:
        yield "not yet"
    yield "more"


def never_closes():
    while True:
        try:
            yield "still here"
        except GeneratorExit:
            pass


def answers_its_close():
    try:
        yield 1
        yield 2
    except GeneratorExit:
        return "goodbye"


def fails_at_its_close():
    try:
        yield 1
    finally:
        raise BoomError("at the close")


def yields_in_its_finally():
    try:
        yield 1
        yield 2
    finally:
        yield "last"


def fails_later():
    yield 1
    raise BoomError("later")


def changes_the_error():
    try:
        yield 1
    except ValueError as error:
        raise BoomError("instead") from error


def stops_wrongly():
    yield 1
    raise StopIteration("by hand")


def delegates():
    return (yield from echo())


def delegates_to_a_list():
    return (yield from [1, 2])


GENERATORS = [
    *(echo, empty, catches, ignores_its_close, never_closes, answers_its_close, fails_at_its_close),
    *(yields_in_its_finally, fails_later, changes_the_error, stops_wrongly, delegates, delegates_to_a_list),
]


async def aecho():
    got = yield "first"
    while got != "stop":
        await asyncio.sleep(0)
        got = yield got


async def aempty():
    return
    yield


async def acatches():
    while True:
        try:
            yield "waiting"
        except Exception as error:
            await asyncio.sleep(0)
            yield type(error).__name__


async def aignores_its_close():
    try:
        yield 1
    except GeneratorExit:
        yield "not yet"
    yield "more"


async def aanswers_its_close():
    try:
        yield 1
        yield 2
    except GeneratorExit:
        await asyncio.sleep(0)
        return


async def afails_at_its_close():
    try:
        yield 1
    finally:
        await asyncio.sleep(0)
        raise BoomError("at the close")


async def ayields_in_its_finally():
    try:
        yield 1
        yield 2
    finally:
        yield "last"


async def achanges_the_error():
    try:
        yield 1
    except ValueError as error:
        raise BoomError("instead") from error


async def astops_wrongly():
    yield 1
    raise StopAsyncIteration("by hand")


ASYNC_GENERATORS = [
    *(aecho, aempty, acatches, aignores_its_close, aanswers_its_close, afails_at_its_close),
    *(ayields_in_its_finally, achanges_the_error, astops_wrongly),
]
