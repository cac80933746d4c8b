"""Our own simulated payments, with four kinds of fraud and with honest payments that look like each of them.

card testing              within an hour, many small payments of many cards at one counterparty
account takeover          for a day or two, several times the usual amount, at counterparties never met, at any hour
compromised counterparty  for one to four weeks, most of what is paid there
refund abuse              for ten days, money back again and again from one counterparty

Honest look-alikes: large purchases, travels, sales days, refunds. A refund has a negative amount.
"""

from collections.abc import Iterator
from math import log
from random import Random
from typing import Final, NamedTuple

from gateway.analysis.learning.rows import Row
from simulators.fraud.handbook import DAY_S, poisson

HOUR_S: Final = 3_600
REFUND_SHARE: Final = 0.01
LARGE_SHARE: Final = 0.01
TRAVEL_SHARE: Final = 0.02


class _Person(NamedTuple):
    name: str
    usual: float
    spread: float
    per_day: float
    hour: float
    favourites: list[str]


def simulate_patterns(
    *, seed: int = 0, days: int = 56, customers: int = 600, counterparties: int = 300
) -> Iterator[Row]:
    """The payments of `days` days in order of time."""
    random = Random(seed)
    shops = [f"shop{number}" for number in range(counterparties)]
    people = [_person(random, number, shops) for number in range(customers)]
    rows = list(_honest(random, people, shops, days))
    rows = _compromised(random, rows, shops, days)
    for day in range(days):
        rows += _card_testing(random, people, shops, day)
        rows += _takeover(random, people, shops, day)
        rows += _refund_abuse(random, people, day)
    end_s = days * DAY_S
    return iter(sorted(row for row in rows if row.time_s < end_s))


def _person(random: Random, number: int, shops: list[str]) -> _Person:
    usual = random.lognormvariate(log(30), 0.8)
    favourites = random.sample(shops, random.randint(3, 9))
    return _Person(
        f"person{number}", usual, random.uniform(0.3, 0.8), random.uniform(0.3, 2.5), random.gauss(14, 2.5), favourites
    )


def _honest(random: Random, people: list[_Person], shops: list[str], days: int) -> Iterator[Row]:
    for day in range(days):
        weekend = 1.3 if day % 7 in (5, 6) else 1.0
        for person in people:
            travels = random.random() < TRAVEL_SHARE
            for _ in range(poisson(random, person.per_day * weekend)):
                shop = random.choice(shops if travels or random.random() < 0.1 else person.favourites)
                times = random.uniform(3, 8) if random.random() < LARGE_SHARE else 1.0
                yield _row(day, random.gauss(person.hour, 3), person.name, shop, _amount(random, person) * times)
                if random.random() < REFUND_SHARE:
                    yield _row(day, random.uniform(8, 20), person.name, shop, -_amount(random, person))


def _card_testing(random: Random, people: list[_Person], shops: list[str], day: int) -> Iterator[Row]:
    if random.random() < 0.35:
        shop, hour, count = random.choice(shops), random.uniform(0, 23), random.randint(8, 25)
        for person in random.sample(people, count):
            yield _row(day, hour + random.random(), person.name, shop, random.uniform(0.5, 3), fraud=True)
    if random.random() < 0.3:  # a sale: as many cards, their usual amounts
        shop, hour = random.choice(shops), random.uniform(9, 20)
        for person in random.sample(people, random.randint(8, 25)):
            yield _row(day, hour + random.random(), person.name, shop, _amount(random, person))


def _takeover(random: Random, people: list[_Person], shops: list[str], day: int) -> Iterator[Row]:
    for _ in range(poisson(random, 1.2)):
        person, hour = random.choice(people), random.uniform(0, 24)
        for _ in range(random.randint(2, 6)):
            hour += random.uniform(0.1, 6)
            amount = _amount(random, person) * random.uniform(2, 8)
            yield _row(day, hour, person.name, random.choice(shops), amount, fraud=True)


def _refund_abuse(random: Random, people: list[_Person], day: int) -> Iterator[Row]:
    if random.random() < 0.3:
        person = random.choice(people)
        shop = random.choice(person.favourites)
        for later in sorted(random.sample(range(10), random.randint(3, 8))):
            amount = -_amount(random, person) * random.uniform(0.8, 2)
            yield _row(day + later, random.uniform(7, 23), person.name, shop, amount, fraud=True)


def _compromised(random: Random, rows: list[Row], shops: list[str], days: int) -> list[Row]:
    """Most payments at a few counterparties turn out to be fraud."""
    until: dict[str, list[tuple[int, int]]] = {}
    for day in range(days):
        if random.random() < 0.35:
            until.setdefault(random.choice(shops), []).append((day, day + random.randint(7, 28)))
    return [
        row._replace(fraud=True)
        if any(first <= row.time_s // DAY_S < last for first, last in until.get(row.counterparty, ()))
        and row.amount_minor > 0
        and random.random() < 0.8
        else row
        for row in rows
    ]


def _amount(random: Random, person: _Person) -> float:
    return person.usual * random.lognormvariate(0, person.spread)


def _row(day: int, hour: float, customer: str, shop: str, amount: float, *, fraud: bool = False) -> Row:
    """An hour beyond the day is the next day's."""
    second = max(0, round(day * DAY_S + hour * HOUR_S))
    minor = round(amount * 100)
    return Row(second, customer, shop, minor or 1, fraud)
