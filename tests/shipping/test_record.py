from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pepperpy_obs.shipping.record import Record, frames, past_damage, scan

records = st.lists(
    st.builds(
        Record,
        at=st.integers(-(2**63), 2**63 - 1),
        id=st.text(st.characters(codec="ascii"), max_size=60),
        line=st.binary(max_size=80),
    ),
    max_size=8,
)


def read(data: bytes) -> list[Record]:
    """Return the whole records of a buffer."""
    return [record for record, _ in scan(data)]


@given(records)
def test_what_is_framed_is_read_back(given: list[Record]) -> None:
    """Frames hold every byte of every record."""
    assert read(frames(given)) == given


@given(records, st.data())
def test_a_torn_tail_costs_only_what_was_torn(given: list[Record], data: st.DataObject) -> None:
    """Cut anywhere, the records that lie whole before the cut are read, and no other."""
    whole = frames(given)
    cut = data.draw(st.integers(0, len(whole)))
    ends = [end for _, end in scan(whole)]
    assert read(whole[:cut]) == given[: sum(end <= cut for end in ends)]


@given(records.filter(bool), st.data())
def test_a_flipped_bit_is_seen(given: list[Record], data: st.DataObject) -> None:
    """Damage in a frame ends the reading there: nothing wrong is ever returned."""
    whole = bytearray(frames(given))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    assert read(bytes(whole)) == given[: sum(end <= place for _, end in scan(frames(given)))]


@given(records.filter(bool), st.data())
def test_damage_in_a_body_costs_one_record(given: list[Record], data: st.DataObject) -> None:
    """The next whole frame is found behind it, if there is one."""
    ends = [0, *(end for _, end in scan(frames(given)))]
    number = data.draw(st.integers(0, len(given) - 1))
    whole = bytearray(frames(given))
    whole[data.draw(st.integers(ends[number] + 8, ends[number + 1] - 1))] ^= 1 << data.draw(st.integers(0, 7))
    start, lost = past_damage(bytes(whole[ends[number] :]))
    assert (start, lost) == ((ends[number + 1] - ends[number], 1) if number + 1 < len(given) else (0, 0))


def test_zeros_are_no_records() -> None:
    """A file that a power cut left full of zeros holds nothing."""
    assert read(bytes(4096)) == []
