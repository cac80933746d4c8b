"""The running state of a wallet: bounded, storable, and sane in whatever order movements come."""

import json
import random
from math import log

import pytest

from gateway.analysis.profile import COUNTERPARTIES_MAX, Flow, Profile, Window, counterparty_mark


def absorb(profile: Profile, *, at: float, amount_minor: int = 1_000, counterparty: str | None = None) -> None:
    profile.absorb(amount_minor=amount_minor, direction="out", counterparty=counterparty, occurred_at=at)


def test_a_window_counts_only_its_own_slots() -> None:
    """A movement leaves the count when its slot does."""
    window = Window(slot_s=60, slots_max=3)
    for minute in range(5):
        window.add(minute * 60.0, 10)
    assert window.total(4 * 60.0, back=3) == (3, 30)
    assert len(window.slots) == 3


def test_a_window_books_a_late_movement_in_its_own_slot() -> None:
    """Order of arrival does not matter while the slot is still in the window."""
    window = Window(slot_s=60, slots_max=10)
    for minute in (5, 2, 5, 3):
        window.add(minute * 60.0, 7)
    assert window.slots == [2, 3, 5]
    assert window.total(3 * 60.0, back=10) == (2, 14)


def test_a_window_adds_up_what_is_in_the_slots_asked_for() -> None:
    """Whichever those are: all, none, some, before the first or after the last."""
    source = random.Random(3)
    for _ in range(200):
        window = Window(slot_s=60, slots_max=10)
        slots = sorted(source.choices(range(20, 30), k=source.randint(0, 5)))
        for slot in slots:
            window.add(slot * 60.0, slot)
        last, back, skip = source.randint(15, 35), source.randint(1, 12), source.randint(0, 2)
        asked = [slot for slot in slots if last - skip - back < slot <= last - skip]
        assert window.total(last * 60.0 + 59, back=back, skip=skip) == (len(asked), sum(asked))


def test_a_window_forgets_what_is_older_than_itself() -> None:
    """A movement from before the window changes nothing."""
    window = Window(slot_s=60, slots_max=3)
    window.add(600.0, 1)
    window.add(60.0, 1)
    assert window.total(600.0, back=3) == (1, 1)
    assert window.slots == [10]


def test_the_slots_before_can_be_asked_without_the_present_one() -> None:
    """`skip` leaves out the newest slots."""
    window = Window(slot_s=60, slots_max=10)
    for minute in range(4):
        window.add(minute * 60.0, 1)
    assert window.total(180.0, back=2, skip=1) == (2, 2)


def test_one_outlier_teaches_little() -> None:
    """A winsorised mean moves by at most three deviations over the number of movements."""
    flow = Flow()
    for _ in range(20):
        flow.absorb(1_000, 0.0)
    before = flow.mean
    flow.absorb(10**12, 0.0)
    assert flow.mean - before < 0.05


def test_the_recent_mean_follows_a_new_level_faster_than_the_long_one() -> None:
    """So a wallet whose amounts moved is not alarmed for long."""
    flow = Flow()
    for amount_minor in [1_000] * 100 + [100_000] * 20:
        flow.absorb(amount_minor, 0.0)
    assert log(1_000) < flow.mean < flow.ewma < log(100_000)


def test_the_known_counterparties_are_the_latest_ones() -> None:
    """The oldest leaves when there is no more room; one that comes again stays."""
    profile = Profile("USD:alice")
    absorb(profile, at=0.0, counterparty="regular")
    for number in range(COUNTERPARTIES_MAX * 2):
        absorb(profile, at=float(number), counterparty=f"c{number}")
        absorb(profile, at=float(number), counterparty="regular")
    assert len(profile.counterparties) == COUNTERPARTIES_MAX
    assert profile.counterparties[counterparty_mark("regular")] == COUNTERPARTIES_MAX * 2 + 1


def test_a_stored_profile_comes_back_the_same() -> None:
    """`from_document` undoes `to_document`, also through JSON."""
    source, profile = random.Random(7), Profile("USD:alice")
    for _ in range(300):
        at, amount = source.uniform(0, 10**7), source.randrange(1, 10**6)
        absorb(profile, at=at, amount_minor=amount, counterparty=f"c{source.randrange(90)}")
    stored = json.loads(json.dumps(profile.to_document()))
    assert Profile.from_document(stored).to_document() == stored


def test_a_copy_does_not_share_state() -> None:
    """What a copy learns is unknown to the original's document."""
    profile = Profile("USD:alice")
    absorb(profile, at=0.0, counterparty="shop")
    stored = profile.to_document()
    copy = Profile.from_document(stored)
    absorb(copy, at=1.0, counterparty="bar")
    assert copy.count == 2
    assert profile.to_document() == stored
    assert len(profile.counterparties) == 1


def test_a_document_of_another_shape_starts_anew() -> None:
    """State that this version cannot read is no reason to stop."""
    profile = Profile.from_document({"_id": "USD:alice", "shape": 99, "in": "?"})
    assert (profile.id, profile.count) == ("USD:alice", 0)


@pytest.mark.parametrize("name", ["", "a" * 10_000, "\ud800", "🦊", "$where.x"])
def test_any_name_takes_sixteen_digits(name: str) -> None:
    """A hostile counterparty name neither grows the profile nor breaks a document's key."""
    mark = counterparty_mark(name)
    assert len(mark) == 16
    assert mark.isalnum()
