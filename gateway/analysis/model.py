"""The rules and their points, as one table that a reader can audit: Features → reasons.

A rule has steps, strongest first. A step applies when every feature it names is known and at least the number beside
it; the first that applies gives its points. A rule gives at most one reason. The numbers are chosen, not learned:
they say what is worth a look, not how probable a fraud is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final, NamedTuple

from gateway.analysis.features import Features
from gateway.money import decimal_text

MODEL: Final = "rules-2"
HISTORY_MIN: Final = 8
"""Movements of one direction before an amount is called unusual for a wallet."""


class Reason(NamedTuple):
    """Why points were given: the value that was seen, what is usual, and both in a sentence."""

    code: str
    points: int
    value: str
    usual: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    points: int
    at_least: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Rule:
    code: str
    steps: tuple[Step, ...]
    say: Callable[[Features], tuple[str, str | None, str]]
    """Gives value, usual and text."""
    gate: tuple[str, float] = field(init=False)
    """The feature that every step names first, and the least any asks of it: most rules are done with after one look."""

    def __post_init__(self) -> None:
        first = next(iter(self.steps[0].at_least))
        object.__setattr__(self, "gate", (first, min(step.at_least[first] for step in self.steps)))

    def points(self, seen: Features) -> int | None:
        """The points of the first step that applies, or None."""
        for step in self.steps:
            for name, bound in step.at_least.items():
                value = getattr(seen, name)
                if value is None or value < bound:
                    break
            else:
                return step.points
        return None


def _amount(seen: Features) -> tuple[str, str | None, str]:
    value = _money(seen.amount_minor, seen)
    usual = _money(seen.amount_usual_minor or 0, seen)
    ratio = _times(seen.amount_ratio)
    return value, usual, f"{value} is {ratio} this wallet's usual {usual} ({seen.history} movements)."


def _velocity(seen: Features) -> tuple[str, str | None, str]:
    value, usual = str(seen.count_1h), f"{seen.hourly_usual or 0:.1f}"
    return value, usual, f"{value} movements within an hour; usual are {usual} an hour."


def _burst(seen: Features) -> tuple[str, str | None, str]:
    value = str(seen.count_1h)
    return value, None, f"{value} movements within an hour, and no full day of this wallet to compare them with."


def _counterparty(seen: Features) -> tuple[str, str | None, str]:
    known = f"{seen.counterparty_surprise or 0:.0%}"
    text = f"First movement with this counterparty; {known} of {seen.met} earlier ones were with known counterparties."
    return "new", f"{known} known", text


def _hour(seen: Features) -> tuple[str, str | None, str]:
    value = f"{seen.hour:02d}:00 UTC"
    share = f"{1.0 - (seen.hour_rarity or 0.0):.1%}"
    return value, share, f"Around {value}; {share} of this wallet's movements fall within an hour of it."


def _spend(seen: Features) -> tuple[str, str | None, str]:
    value, usual = _money(seen.spend_24h_minor, seen), _money(seen.spend_usual_minor or 0, seen)
    return value, usual, f"{value} within 24 hours is {_times(seen.spend_ratio)} the usual {usual} a day."


def _chargebacks(seen: Features) -> tuple[str, str | None, str]:
    value = str(seen.chargebacks)
    share = (
        ""
        if seen.chargeback_share is None
        else f"; {seen.chargeback_share:.0%} of what could be judged since the first"
    )
    return value, "0", f"{value} chargebacks of this counterparty became known within four weeks{share}."


def _dormant(seen: Features) -> tuple[str, str | None, str]:
    value = f"{seen.gap_days or 0:.0f} days"
    return value, None, f"The first movement of this wallet after {value}."


RULES: Final = (
    Rule(
        "amount",
        (
            Step(45, {"amount_z": 6.0, "amount_ratio": 10.0, "history": HISTORY_MIN}),
            Step(30, {"amount_z": 4.0, "amount_ratio": 5.0, "history": HISTORY_MIN}),
            Step(20, {"amount_z": 3.0, "amount_ratio": 3.0, "history": HISTORY_MIN}),
        ),
        _amount,
    ),
    Rule(
        "velocity",
        (
            Step(30, {"hourly_ratio": 16.0, "count_1h": 15}),
            Step(20, {"hourly_ratio": 8.0, "count_1h": 8}),
            Step(10, {"hourly_ratio": 4.0, "count_1h": 5}),
        ),
        _velocity,
    ),
    Rule("burst_unknown", (Step(20, {"burst_unknown": 60}), Step(10, {"burst_unknown": 20})), _burst),
    Rule(
        "spend_24h",
        (
            Step(25, {"spend_ratio": 10.0, "age_days": 3, "history": HISTORY_MIN}),
            Step(15, {"spend_ratio": 5.0, "age_days": 3, "history": HISTORY_MIN}),
            Step(10, {"spend_ratio": 3.0, "age_days": 3, "history": HISTORY_MIN}),
        ),
        _spend,
    ),
    Rule(
        "new_counterparty",
        (
            Step(15, {"counterparty_surprise": 0.8, "met": HISTORY_MIN}),
            Step(8, {"counterparty_surprise": 0.5, "met": HISTORY_MIN}),
        ),
        _counterparty,
    ),
    Rule(
        "odd_hour",
        (
            Step(15, {"hour_rarity": 0.999, "history": 100, "days_seen": 10}),
            Step(10, {"hour_rarity": 0.98, "history": 20, "days_seen": 5}),
        ),
        _hour,
    ),
    Rule(
        "counterparty_chargebacks",
        (
            Step(65, {"chargebacks": 3, "chargeback_share": 0.5, "chargebacks_unbroken": 3}),
            Step(50, {"chargebacks": 2, "chargeback_share": 0.5, "chargebacks_unbroken": 2}),
            Step(40, {"chargebacks": 1, "chargeback_share": 0.5, "chargebacks_unbroken": 1}),
            Step(10, {"chargebacks": 1, "chargeback_share": 0.5}),
        ),
        _chargebacks,
    ),
    Rule("dormant", (Step(10, {"gap_days": 60}), Step(5, {"gap_days": 30})), _dormant),
)
"""Every rule. "At least 0.98 rare" reads: at most 2 % of the wallet's movements fall within an hour of this one."""

_GATED: Final = tuple((rule, rule.gate[1]) for rule in RULES)
_GATES: Final = attrgetter(*(rule.gate[0] for rule in RULES))
"""The features that decide whether a rule is looked at, all at once."""


def reasons(seen: Features) -> tuple[Reason, ...]:
    """The reasons, most points first; equal points in the order of the table. A cold start is said with 0 points."""
    found: list[Reason] = []
    for value, (rule, least) in zip(_GATES(seen), _GATED, strict=True):
        if value is not None and value >= least and (points := rule.points(seen)) is not None:
            found.append(Reason(rule.code, points, *rule.say(seen)))
    found.sort(key=by_points)
    if seen.history < HISTORY_MIN:
        found.append(_cold_start(seen))
    return tuple(found)


def by_points(reason: Reason) -> int:
    """Sorts most points first."""
    return -reason.points


def _cold_start(seen: Features) -> Reason:
    text = f"{seen.history} earlier movements of this wallet; amounts are judged from {HISTORY_MIN} on."
    return Reason("cold_start", 0, str(seen.history), str(HISTORY_MIN), text)


def _money(amount_minor: int, seen: Features) -> str:
    return f"{decimal_text(amount_minor, seen.currency)} {seen.currency}"


def _times(ratio: float | None) -> str:
    ratio = ratio or 0.0
    return f"{ratio:.1f} times" if ratio < 100 else f"{ratio:.0f} times"
