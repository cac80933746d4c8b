"""What can happen to one payment, how often, and which provider tells it: each story is a short list of events."""

from random import Random
from types import ModuleType
from typing import Final

from simulators.traffic import native, razorpay, standard, stripe
from simulators.traffic.cast import Person, usual_amount
from simulators.traffic.item import Item

Story = list[Item]

_PREFERRED: Final = {"INR": ("razorpay", "razorpay", "razorpay", "standard")}
_PREFERRED_ELSEWHERE: Final = ("stripe", "stripe", "stripe", "standard")

_OUTCOMES: Final = {
    "captured": 62,
    "captured_by_hand": 10,
    "refunded_in_part": 7,
    "refunded_in_parts": 3,
    "refunded": 4,
    "refund_failed": 2,
    "failed": 6,
    "paid_at_second_try": 3,
    "canceled": 3,
}
"""Of a hundred deposits, how many go which way."""


def deposit_source(random: Random, person: Person, sources: list[str]) -> str | None:
    """Who brings this person's money in, of the sources allowed; None when only wallet transfers are."""
    preferred = _PREFERRED.get(person.currency, _PREFERRED_ELSEWHERE)
    allowed = [name for name in preferred if name in sources] or [name for name in sources if name != "payments"]
    return random.choice(allowed) if allowed else None


def ordinary_story(random: Random, person: Person, at: int, sources: list[str]) -> Story:
    """One thing a person does: spend in a usual shop, pay money in, or nothing the ledger knows about."""
    source = deposit_source(random, person, sources)
    spends = "payments" in sources and (source is None or random.random() < 0.4)
    if spends or source is None:
        receiver = random.choice(person.merchants)
        return [native.transfer(random, person, receiver, usual_amount(random, person, times=0.5), at)]
    if random.random() < 0.04:
        return list(_TELLERS[source].other_story(random, person, at))
    outcome = random.choices(list(_OUTCOMES), list(_OUTCOMES.values()))[0]
    names_wallet = random.random() > 0.02
    amount = usual_amount(random, person)
    return deposit_story(random, person, source, outcome, amount, at, names_wallet=names_wallet)


def deposit_story(
    random: Random,
    person: Person,
    source: str,
    outcome: str,
    amount_minor: int,
    at: int,
    *,
    names_wallet: bool = True,
) -> Story:
    """A deposit of `amount_minor` through `source` that ends as `outcome` says."""
    teller = _TELLERS[source]
    manual = outcome in ("captured_by_hand", "canceled")
    paid = teller.payment(random, person, amount_minor, at, names_wallet=names_wallet, manual=manual)
    if outcome == "canceled":
        return list(teller.canceled_story(paid))
    if outcome in ("failed", "paid_at_second_try"):
        return list(teller.failed_story(paid, tries_again=outcome == "paid_at_second_try"))
    story = list(teller.captured_story(paid))
    if outcome == "refund_failed":
        story += teller.failed_refund_story(paid, _share(random, person, amount_minor), after_s=7_200)
    elif outcome == "refunded":
        story += teller.refund_story(paid, [amount_minor], after_s=5_400)
    elif outcome in ("refunded_in_part", "refunded_in_parts"):
        share = _share(random, person, amount_minor)
        parts = [share] * (2 if outcome == "refunded_in_parts" and amount_minor >= 2 * share else 1)
        story += teller.refund_story(paid, parts, after_s=5_400)
    return story


def _share(random: Random, person: Person, amount_minor: int) -> int:
    """Some of the payment, in the person's steps."""
    return max(1, int(amount_minor // person.step_minor * random.uniform(0.15, 0.45))) * person.step_minor


_TELLERS: Final[dict[str, ModuleType]] = {provider.SOURCE: provider for provider in (stripe, razorpay, standard)}
"""Each provider's module tells every turn of a payment under the same names."""
