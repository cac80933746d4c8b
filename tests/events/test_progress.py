"""Where the worker looks: nothing that was stored is passed over, however events, looks and restarts follow each other."""

from dataclasses import dataclass, field

import pytest
from bson import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from gateway.events import progress
from gateway.events.progress import BEGINNING, CLOSED_S, SETTLED_S, Place, Progress


def at(tenths: int) -> Timestamp:
    return Timestamp(100 + tenths, 1)


@dataclass(slots=True)
class Store:
    """Time in tenths of a second. An event has its place from `tenth` on and can be read `slow` tenths later."""

    events: list[tuple[int, int]]
    now: int = 0
    settled: set[int] = field(default_factory=set)
    marks: Progress = field(default_factory=Progress)

    def waiting(self, after: Timestamp, up_to: Timestamp) -> list[int]:
        there = [tenth for tenth, slow in self.events if tenth + slow <= self.now and tenth not in self.settled]
        return sorted(tenth for tenth in there if after < at(tenth) <= up_to)


def started(store: Store) -> Place:
    place = Place()
    place.take_up(store.marks, now=at(store.now))
    return place


def work(store: Store, place: Place, batch: int) -> None:
    """As the worker does it: look back, claim ahead, and keep the marks."""
    look = place.next_look(now=store.now / 10)
    for after, up_to in look.spans:
        store.settled.update(store.waiting(after, up_to))
    place.looked(look, at(store.now), now=store.now / 10)
    if claimed := store.waiting(place.ahead, at(store.now))[:batch]:
        told = place.with_batch(at(claimed[-1]), now=store.now / 10)
        store.settled.update(claimed)
        place.claimed(at(claimed[-1]))
    else:
        told = place.without_batch
    if told:
        store.marks = told
        place.stored(told)


EVENTS = st.lists(
    st.tuples(st.integers(0, 600), st.integers(0, int(CLOSED_S * 10) - 20)),
    max_size=40,
    unique_by=lambda event: event[0],
)


@given(EVENTS, st.sets(st.integers(0, 2_500)), st.sets(st.integers(0, 2_500)), st.integers(1, 5))
def test_no_event_is_passed_over(
    events: list[tuple[int, int]], idle_at: set[int], restarts_at: set[int], batch: int
) -> None:
    """The worker rests or is started anew at any moment; each event can be read at some time within `CLOSED_S` of its place."""
    store = Store(events)
    place = started(store)
    for store.now in range(0, 4_000, 5):
        if store.now in restarts_at:
            place = started(store)
        if store.now not in idle_at:
            work(store, place, batch)
    assert store.settled == {tenth for tenth, _ in events}


def test_a_prompt_event_is_settled_where_reports_believe_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands at or before `settled_to` and was stored promptly has been settled; with a shorter time not."""
    events = [(tenth, 140 if tenth % 7 == 0 else 1) for tenth in range(300)]

    def unsettled() -> int:
        store = Store(list(events))
        place = started(store)
        passed = 0
        for store.now in range(0, 700, 5):
            work(store, place, 3)
            passed += sum(at(tenth) <= store.marks.settled_to and tenth not in store.settled for tenth, _ in events)
        return passed

    assert unsettled() == 0
    monkeypatch.setattr(progress, "SETTLED_S", 5.0)
    assert unsettled() > 0


def test_the_marks_come_to_rest() -> None:
    """Each is told of as it moves, the last one when it has come to the last event; and then no more."""
    events = [(tenth, 1) for tenth in range(0, 100, 5)]
    store = Store(events)
    place = started(store)
    told = []
    for store.now in range(0, 3_000, 5):
        before = store.marks
        work(store, place, 10)
        if store.marks != before:
            told.append((store.now / 10, store.marks))
    last = at(95)
    assert told[-1][1] == Progress(last, last, last)
    assert CLOSED_S <= told[-1][0] - 9.5 < CLOSED_S + 2
    assert [marks.closed_to for _, marks in told[:-1]] == [BEGINNING] * (len(told) - 1)
    first = {name: next(when for when, marks in told if getattr(marks, name) == last) for name in Progress._fields}
    assert first["recent"] - 9.5 < 1
    assert SETTLED_S <= first["settled_to"] - 9.5 < SETTLED_S + 2


def test_nothing_is_looked_at_where_nothing_came() -> None:
    """An idle worker asks MongoDB for no events but those ahead, once it has gone through all."""
    place = started(Store([], now=6, marks=Progress(at(5), at(5), at(5))))
    looked_at = []
    for now in range(300):
        look = place.next_look(now=now)
        looked_at += [(now, span) for span in look.spans]
        place.looked(look, at(6 + now), now=now)
    assert looked_at == [(CLOSED_S, (BEGINNING, at(5)))]
    assert place.without_batch is None
    assert place.ahead == at(5)


def test_the_first_worker_begins_at_the_beginning() -> None:
    """Nothing is stored of it yet."""
    assert started(Store([])).ahead == BEGINNING


def test_what_another_writer_told_is_believed_up_to_the_present() -> None:
    """The further of both; but no mark of a MongoDB whose clock was ahead, before which all that comes now would stand."""
    place = Place()
    place.take_up(Progress(at(40), at(30), at(20)), now=at(50))
    assert (place.ahead, place.without_batch) == (at(30), None)
    place.take_up(Progress(at(20), at(10), at(5)), now=at(50))
    assert (place.ahead, place.without_batch) == (at(30), Progress(at(40), at(30), BEGINNING))
    place = Place()
    place.take_up(Progress(at(90), at(80), at(20)), now=at(50))
    assert (place.ahead, place.without_batch) == (at(50), Progress(at(50), at(50), BEGINNING))
