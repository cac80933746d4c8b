"""A believable day: people with habits, and a few things that a risk score should notice.

The day runs from 04:00 to 04:00 UTC, so that habits come first and what breaks them (a burst, one huge amount, payments
by strangers at night) comes last, when there is a history to break. One seed and one end of day give the same bytes.
"""

from collections.abc import Iterable
from dataclasses import replace
from random import Random
from time import time
from typing import Final

from simulators.sources import SOURCES
from simulators.traffic import native
from simulators.traffic.cast import Person, alphanumeric, people, stranger, usual_amount
from simulators.traffic.item import Item
from simulators.traffic.stories import Story, deposit_source, deposit_story, ordinary_story

DAY_S: Final = 86_400
DAY_STARTS_S: Final = 4 * 3_600
"""04:00 UTC: after the night's oddities, before the first early bird."""

ANOMALIES_FROM: Final = 80
"""Smaller days have no history that anything could stand out from."""

EVENTS_PER_PERSON: Final = 25


def day_end_before(now: float) -> int:
    """The latest 04:00 UTC that is not after `now` (unix seconds)."""
    return int(now - DAY_STARTS_S) // DAY_S * DAY_S + DAY_STARTS_S


def simulate_day(
    count: int, *, seed: int, sources: Iterable[str] = tuple(SOURCES), day_end: int | None = None
) -> list[Item]:
    """Exactly `count` distinct events in the order they happened; times lie in the day before `day_end`.

    The end of the day is mixed into the seed: tomorrow the same seed gives new ids, not used ids with new content.
    """
    allowed = [name for name in SOURCES if name in set(sources)]
    if not allowed:
        raise LookupError(f"sources must be among {', '.join(SOURCES)}")
    ends = day_end_before(time()) if day_end is None else day_end
    random = Random(f"{seed}:{ends}:{','.join(allowed)}")
    cast = people(random, max(4, count // EVENTS_PER_PERSON))
    stories = _anomalies(random, cast, ends, allowed) if count >= ANOMALIES_FROM else []
    happened = [item for story in stories for item in story]
    weights = [3 if index < len(_VICTIMS) else 1 for index in range(len(cast))]
    while len(happened) < count:
        person = random.choices(cast, weights)[0]
        happened += ordinary_story(random, person, _moment(random, person, ends), allowed)
    # Cutting the last story short leaves its beginning, which is a story too: later events only follow earlier ones.
    return sorted(happened[:count], key=lambda item: item.occurred_at)


def _moment(random: Random, person: Person, ends: int) -> int:
    """A time of the day that suits the person's hours."""
    start, stop = person.hours
    return _at(ends, random.triangular(start, stop, (start + stop) / 2))


def _at(ends: int, hour: float) -> int:
    """The moment of that day at `hour` UTC; hours before four are those of its last night."""
    return ends - DAY_S + int((hour * 3_600 - DAY_STARTS_S) % DAY_S)


def _anomalies(random: Random, cast: list[Person], ends: int, sources: list[str]) -> list[Story]:
    """One of each, on the first people of the cast, who also get more ordinary events than the others."""
    return [
        _note(tell(random, person, ends, sources), tell.__name__[1:])
        for tell, person in zip(_VICTIMS, cast, strict=False)
    ]


def _burst(random: Random, person: Person, ends: int, sources: list[str]) -> Story:
    """A dozen payments in three minutes, to wallets that were never paid before: a stolen session being emptied."""
    start = _at(ends, 22.6)
    if "payments" not in sources:
        return _deposits(random, [person] * 12, [start + 15 * number for number in range(12)], sources)
    return [
        native.transfer(random, person, f"drop-{alphanumeric(random, 6).lower()}", usual_amount(random, person), at)
        for at in range(start, start + 180, 15)
    ]


def _spike(random: Random, person: Person, ends: int, sources: list[str]) -> Story:
    """One amount forty times the usual."""
    amount, at = usual_amount(random, person, times=40), _at(ends, 22.2)
    source = deposit_source(random, person, sources)
    if source is None:
        return [native.transfer(random, person, person.merchants[0], amount, at)]
    return deposit_story(random, person, source, "captured", amount, at)


def _night(random: Random, person: Person, ends: int, sources: list[str]) -> Story:
    """Between two and half past three, strangers pay into a wallet that only its owner ever filled."""
    moments = [_at(ends, hour) for hour in (2.1, 2.7, 3.2, 3.4)]
    if deposit_source(random, person, sources) is None:
        names = [f"night-{alphanumeric(random, 6).lower()}" for _ in moments]
        return [
            native.transfer(random, person, name, usual_amount(random, person, times=4), at)
            for name, at in zip(names, moments, strict=True)
        ]
    return _deposits(random, [stranger(random, person) for _ in moments], moments, sources, times=4)


def _deposits(
    random: Random, payers: list[Person], moments: list[int], sources: list[str], *, times: float = 1.0
) -> Story:
    story: Story = []
    for payer, at in zip(payers, moments, strict=True):
        source = deposit_source(random, payer, sources)
        assert source is not None, "deposits need a provider"
        story += deposit_story(random, payer, source, "captured", usual_amount(random, payer, times=times), at)
    return story


def _note(story: Story, note: str) -> Story:
    return [replace(item, note=note) for item in story]


_VICTIMS: Final = (_burst, _spike, _night)
