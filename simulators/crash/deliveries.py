"""The events of one round: payments of every source into wallets of its own, as providers really deliver them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from types import ModuleType
from typing import Final

from simulators.crash.digits import payment_minor, refund_minor
from simulators.traffic import Item, Send, plan_deliveries, razorpay, standard, stripe
from simulators.traffic import native as native_payments
from simulators.traffic.cast import Person, alphanumeric
from simulators.traffic.item import Effect

PURSES: Final = 6
PAYMENTS: Final = 10
"""Of each purse; one of its places in `digits` each."""
DUPLICATES: Final = 0.5
REORDERED: Final = 0.5
ALTERED: Final = 0.4
"""Of the events that can be altered without a second event telling of the same payment."""
WINDOW: Final = 12

Story = list[Item]


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a round sends, in this order."""

    sends: list[Send]

    @property
    def items(self) -> list[Item]:
        """Each content once; an altered one has the id of another."""
        return list({(send.item.source, send.item.event_id, send.item.body): send.item for send in self.sends}.values())


def round_traffic(seed: str, *, at: int, duplicates: float = DUPLICATES, altered: float = ALTERED) -> Traffic:
    """The same seed and time give the same bytes in the same order. `at` is when it all happened, unix seconds."""
    random = Random(seed)
    stories = [
        story for _ in range(PURSES) for story in _purse_stories(random, f"purse-{alphanumeric(random, 12)}", at)
    ]
    sends = plan_deliveries(
        _interleaved(random, stories),
        seed=random.randrange(2**32),
        duplicates=duplicates,
        reorder=REORDERED,
        window=WINDOW,
    )
    for story in stories:
        if len(story) == 1 and random.random() < altered:
            _put_in(random, sends, story[0])
    return Traffic(sends)


def altered(item: Item) -> Item:
    """The same id with other content: whoever holds the secret now says that the money went to somebody else."""
    assert item.effect
    rightful = item.effect.postings[-1].owner
    thief = rightful.replace("purse", "thief")
    postings = tuple(replace(each, owner=each.owner.replace(rightful, thief)) for each in item.effect.postings)
    effect = Effect(item.effect.key, postings)
    return replace(item, body=item.body.replace(rightful.encode(), thief.encode()), effect=effect)


def _put_in(random: Random, sends: list[Send], item: Item) -> None:
    """The altered copy comes somewhere near the first genuine one, before it or after it."""
    place = next(place for place, send in enumerate(sends) if send.item is item)
    sends.insert(max(0, place + random.randint(-4, 8)), Send(altered(item)))


def _purse_stories(random: Random, owner: str, at: int) -> Iterator[Story]:
    person = Person(
        owner=owner,
        customer=f"cus_{alphanumeric(random, 14)}",
        email="payer@example.com",
        currency="USD",
        usual_minor=1,
        step_minor=1,
        hours=(0, 24),
        merchants=(),
    )
    chosen = [*_TOLD[:3], *random.choices(_TOLD, k=PAYMENTS - 3)]
    random.shuffle(chosen)
    for place, tell in enumerate(chosen):
        yield tell(random, person, place, at)


def _transfer(random: Random, person: Person, place: int, at: int) -> Story:
    payer = replace(person, owner=person.owner.replace("purse", "payer"))
    return [native_payments.transfer(random, payer, person.owner, payment_minor(place), at)]


def _bank_payment(random: Random, person: Person, place: int, at: int) -> Story:
    return list(standard.captured_story(standard.payment(random, person, payment_minor(place), at)))


def _refunded(random: Random, person: Person, place: int, at: int) -> Story:
    """Paid, and sent back in one or two parts."""
    teller = _provider(random)
    paid = teller.payment(random, person, payment_minor(place), at)
    parts = [refund_minor(place)] * random.choice((1, 2))
    return [*teller.captured_story(paid), *teller.refund_story(paid, parts, after_s=5_400)]


def _captured(random: Random, person: Person, place: int, at: int) -> Story:
    """Several events tell of one capture."""
    teller = _provider(random)
    return list(teller.captured_story(teller.payment(random, person, payment_minor(place), at)))


def _second_try(random: Random, person: Person, place: int, at: int) -> Story:
    teller = _provider(random)
    return list(teller.failed_story(teller.payment(random, person, payment_minor(place), at), tries_again=True))


_TOLD: Final[tuple[Callable[[Random, Person, int, int], Story], ...]] = (
    _refunded,
    _transfer,
    _bank_payment,
    _captured,
    _second_try,
    _transfer,
)


def _provider(random: Random) -> ModuleType:
    return random.choice((stripe, razorpay, standard))


def _interleaved(random: Random, stories: list[Story]) -> list[Item]:
    """As they happened: each story in its own order, all of them at once."""
    placed: list[tuple[float, Item]] = []
    for story in stories:
        begins = random.random()
        placed += [(begins + 0.1 * number, item) for number, item in enumerate(story)]
    return [item for _, item in sorted(placed, key=lambda pair: pair[0])]
