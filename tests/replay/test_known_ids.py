from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs.replay.known_ids import KnownIds, digests_of


@given(st.lists(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 50)), max_size=8), max_size=20))
def test_law_an_id_is_new_once(batches: list[list[tuple[int, int]]]) -> None:
    """However ids are batched and paged, each is known from its second time on, if it bears its time again."""
    seen = KnownIds(page=3)
    known: set[str] = set()
    for batch in batches:
        ids = [f"{at}-{number}" for at, number in batch]
        times = [at for at, _ in batch] or [0]
        right = [place for place, name in enumerate(ids) if name in known or name in ids[:place]]
        assert list(seen.doubles(ids, min(times), max(times))) == right
        known.update(ids)


def ids_of(at: int) -> list[str]:
    """Return ids of a thousand events of a second."""
    return [f"{at:08x}{number:024x}" for number in range(1000)]


def second(ids: KnownIds, at: int) -> int:
    """Show the events of a second, and return how many of them came before."""
    return len(ids.doubles(ids_of(at), at * 1_000_000_000, at * 1_000_000_000 + 999_999_999))


def test_a_second_copy_is_known_whatever_lay_between() -> None:
    """A whole log that comes again is known, its beginning too; another of the same time is not taken for it."""
    ids = KnownIds()
    assert [second(ids, at) for at in range(100)] == [0] * 100
    assert [second(ids, at) for at in range(100)] == [1000] * 100
    others = [f"other{number}" for number in range(1000)]
    assert list(ids.doubles(others, 0, 100_000_000_000)) == []


def test_past_the_bound_the_oldest_are_let_go_and_said_to_be() -> None:
    """Memory stays bounded; what is past the bound counts again, and is counted as not checked."""
    ids = KnownIds(most=50_000)
    for at in range(100):
        assert second(ids, at) == 0
    assert (ids.unchecked, second(ids, 99)) == (0, 1000)
    assert (second(ids, 0), ids.unchecked) == (0, 1000)


@pytest.mark.slow
def test_memory_is_eight_bytes_an_id() -> None:
    """Beside some pages that are searched at the moment."""
    ids = KnownIds()
    tracemalloc.start()
    for at in range(500):
        second(ids, at)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 8 * 500_000 + 1_500_000


@pytest.mark.parametrize("width", [1, 2, 7, 16, 24, 32, 40])
def test_ids_of_other_makers_that_count_up(width: int) -> None:
    """Hexadecimal ids of any length, and ids whose halves are numbers, are told apart, alone and together."""
    ids = [f"{number:0{width}x}"[-width:] for number in range(min(16**width, 3000))]
    if width == 32:
        ids += [f"{day:016x}{number:016x}" for day in range(1, 40) for number in range(100)]
        ids += [f"{number:016x}{day:016x}" for day in range(1, 40) for number in range(100, 200)]
    together = digests_of(ids)
    assert len(set(together)) == len(set(ids))
    assert [digests_of([one])[0] for one in ids[:50]] == list(together[:50])
