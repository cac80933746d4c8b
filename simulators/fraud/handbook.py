"""The Fraud Detection Handbook's simulator, written from its published description; other random numbers, the same world.

Customers and terminals lie on a square of 100 × 100; a customer pays at terminals within a radius of 5, amounts around a mean
of the customer's own, some times a day. Three kinds of fraud, the later ones over the earlier:

1  an amount above 220;
2  each day two terminals are drawn, and every payment there is fraud for 28 days;
3  each day three customers are drawn, and for 14 days a third of their payments have five times the amount and are fraud.

Source: Le Borgne and others, "Reproducible Machine Learning for Credit Card Fraud Detection – Practical Handbook", chapter 3,
"Transaction data simulator". Its own file has 5,000 customers, 10,000 terminals, 183 days, 1,754,155 payments, 0.84 % fraud.
"""

from collections import defaultdict
from collections.abc import Iterator
from math import exp
from random import Random
from typing import Final, NamedTuple

from gateway.analysis.learning.rows import Row

DAY_S: Final = 86_400
SIDE: Final = 100.0
RADIUS: Final = 5.0
LARGE_MINOR: Final = 220_00
TERMINAL_DAYS: Final = 28
CUSTOMER_DAYS: Final = 14
TIMES: Final = 5


class _Customer(NamedTuple):
    terminals: list[int]
    mean: float
    per_day: float


class _Payment:
    """One payment while the frauds are being laid over it."""

    __slots__ = ("amount_minor", "customer", "fraud", "terminal", "time_s")

    def __init__(self, time_s: int, customer: int, terminal: int, amount_minor: int) -> None:
        self.time_s, self.customer, self.terminal = time_s, customer, terminal
        self.amount_minor = amount_minor
        self.fraud = amount_minor > LARGE_MINOR


def simulate_handbook(
    *, seed: int = 0, days: int = 183, customers: int = 5_000, terminals: int = 10_000
) -> Iterator[Row]:
    """The payments of `days` days in order of time."""
    random = Random(seed)
    people = _customers(random, customers, terminals)
    by_day = [_day(random, day, people) for day in range(days)]
    _compromise_terminals(random, by_day, terminals)
    _compromise_customers(random, by_day, customers)
    for payments in by_day:
        for each in sorted(payments, key=_time):
            yield Row(each.time_s, f"c{each.customer}", f"t{each.terminal}", max(1, each.amount_minor), each.fraud)


def _time(payment: _Payment) -> int:
    return payment.time_s


def _customers(random: Random, customers: int, terminals: int) -> list[_Customer]:
    places = [(random.uniform(0, SIDE), random.uniform(0, SIDE)) for _ in range(terminals)]
    cells: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, (x, y) in enumerate(places):
        cells[int(x // RADIUS), int(y // RADIUS)].append(number)
    people = []
    for _ in range(customers):
        x, y = random.uniform(0, SIDE), random.uniform(0, SIDE)
        near = [
            number
            for column in (-1, 0, 1)
            for row in (-1, 0, 1)
            for number in cells[int(x // RADIUS) + column, int(y // RADIUS) + row]
            if (places[number][0] - x) ** 2 + (places[number][1] - y) ** 2 < RADIUS**2
        ]
        people.append(_Customer(near, random.uniform(5, 100), random.uniform(0, 4)))
    return people


def _day(random: Random, day: int, people: list[_Customer]) -> list[_Payment]:
    payments = []
    for number, customer in enumerate(people):
        if not customer.terminals:
            continue
        for _ in range(poisson(random, customer.per_day)):
            second = int(random.gauss(DAY_S / 2, 20_000))
            if not 0 < second < DAY_S:
                continue
            amount = random.gauss(customer.mean, customer.mean / 2)
            if amount < 0:
                amount = random.uniform(0, 2 * customer.mean)
            payments.append(
                _Payment(day * DAY_S + second, number, random.choice(customer.terminals), round(amount * 100))
            )
    return payments


def _compromise_terminals(random: Random, by_day: list[list[_Payment]], terminals: int) -> None:
    for day in range(len(by_day)):
        drawn = set(random.sample(range(terminals), min(2, terminals)))
        for payments in by_day[day : day + TERMINAL_DAYS]:
            for each in payments:
                if each.terminal in drawn:
                    each.fraud = True


def _compromise_customers(random: Random, by_day: list[list[_Payment]], customers: int) -> None:
    for day in range(len(by_day)):
        drawn = set(random.sample(range(customers), min(3, customers)))
        theirs = [each for payments in by_day[day : day + CUSTOMER_DAYS] for each in payments if each.customer in drawn]
        for each in random.sample(theirs, len(theirs) // 3):
            each.amount_minor *= TIMES
            each.fraud = True


def poisson(random: Random, mean: float) -> int:
    """How often something happens that happens `mean` times on average (Knuth's product of uniforms; small means)."""
    limit, product, count = exp(-mean), random.random(), 0
    while product > limit:
        product *= random.random()
        count += 1
    return count
