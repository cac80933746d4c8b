"""The people of the simulated day: whose wallets, which currency, what they usually pay, when, and to whom."""

from dataclasses import dataclass
from random import Random
from typing import Final

_ALNUM: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

_NAMES: Final = (
    *("alice", "bruno", "chen", "divya", "emeka", "fatima", "goran", "hana", "ines", "jonas", "kavya", "lucia"),
    *("mateo", "nadia", "omar", "priya", "quentin", "rohan", "sara", "tomas", "uma", "victor", "wei", "yuki", "zainab"),
)

_HOURS: Final = ((6, 11), (8, 18), (9, 17), (11, 15), (17, 22))
"""UTC hours of a habit: early birds, office hours, lunch, evenings. Nobody's habit is the night."""


@dataclass(frozen=True, slots=True)
class _Home:
    """Where a person pays from: currency, usual amounts in minor units, the shops there, and who gets the share."""

    currency: str
    usual_minor: tuple[int, int]
    step_minor: int
    merchants: tuple[str, ...]
    share: int


_HOMES: Final = (
    _Home("USD", (1_500, 9_000), 1, ("corner-bakery", "metro-transit", "bluebird-books", "north-side-gym"), 30),
    _Home("INR", (20_000, 250_000), 100, ("chai-point", "namma-cabs", "kirana-express", "lotus-pharmacy"), 35),
    _Home("EUR", (1_200, 8_000), 1, ("cafe-lumen", "velo-verleih", "mercado-sol"), 20),
    _Home("JPY", (800, 12_000), 10, ("konbini-24", "shinkansen-desk"), 10),
    _Home("KWD", (2_000, 30_000), 10, ("souq-fresh", "gulf-mobile"), 5),
)
# KWD moves in steps of 10: Stripe and Razorpay both take three-decimal amounts only with a zero at the end.


@dataclass(frozen=True, slots=True)
class Person:
    """A wallet's owner with habits. `customer` is the provider's id for them; some wallets have no other name."""

    owner: str
    customer: str
    email: str
    currency: str
    usual_minor: int
    step_minor: int
    hours: tuple[int, int]
    merchants: tuple[str, ...]

    @property
    def metadata(self) -> dict[str, str]:
        """What the shop wrote on the payment: the wallet, unless the customer's id is all there is."""
        return {} if self.owner == self.customer else {"wallet_id": self.owner}


def alphanumeric(random: Random, length: int) -> str:
    return "".join(random.choices(_ALNUM, k=length))


def digits(random: Random, length: int) -> str:
    return "".join(random.choices("0123456789", k=length))


def people(random: Random, count: int) -> list[Person]:
    """`count` people; names repeat with a number after the first twenty-five."""
    return [_person(random, index) for index in range(count)]


def stranger(random: Random, like: Person) -> Person:
    """Somebody never seen before who pays into the wallet of `like`."""
    name = f"guest-{alphanumeric(random, 6).lower()}"
    customer = like.customer.split("_")[0] + "_" + alphanumeric(random, 14)
    return Person(
        like.owner, customer, f"{name}@example.com", like.currency, like.usual_minor, like.step_minor, (0, 4), ()
    )


def usual_amount(random: Random, person: Person, *, times: float = 1.0) -> int:
    """Around the person's usual amount (log-normal, as real spending is), in steps the provider accepts."""
    drawn = person.usual_minor * times * random.lognormvariate(0, 0.25)
    return max(1, round(drawn / person.step_minor)) * person.step_minor


def _person(random: Random, index: int) -> Person:
    name = _NAMES[index % len(_NAMES)] + (f"-{index // len(_NAMES) + 1}" if index >= len(_NAMES) else "")
    home = random.choices(_HOMES, [home.share for home in _HOMES])[0]
    prefix = "cust" if home.currency == "INR" else "cus"
    customer = f"{prefix}_{alphanumeric(random, 14)}"
    merchants = tuple(random.sample(home.merchants, k=min(2, len(home.merchants))))
    return Person(
        owner=customer if random.random() < 0.1 else name,
        customer=customer,
        email=f"{name}@example.com",
        currency=home.currency,
        usual_minor=random.randrange(*home.usual_minor, home.step_minor),
        step_minor=home.step_minor,
        hours=random.choice(_HOURS),
        merchants=merchants,
    )
