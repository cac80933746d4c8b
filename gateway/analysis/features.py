"""Movement and Profile → Features: what is unusual about this movement, in numbers, from the past only.

A feature that the past cannot support is None; a rule that needs it then says nothing.
"""

from dataclasses import dataclass
from math import exp, log
from typing import Final

from gateway.analysis.counterparty import Counterparty
from gateway.analysis.profile import DAY_S, HOUR_S, Direction, Flow, Profile, counterparty_mark
from gateway.money import AMOUNT_MINOR_MAX

OCCURRED_AT_MAX: Final = 253_402_300_799
"""The last second of the year 9999, where datetimes end."""
DAYS_BACK: Final = 7
CHARGEBACK_DAYS: Final = 28
HOURLY_USUAL_MIN: Final = 1.0
"""Below one movement an hour the ratio is taken to one: two coffees in an hour are no burst."""


@dataclass(slots=True)
class Movement:
    """What a transaction did to the wallet it is judged by. `occurred_at` is in unix seconds.

    Nobody changes it; not frozen, because that would nearly triple what it costs to make one for each event."""

    event_id: str
    source: str
    kind: str
    wallet: str
    counterparty: str | None
    currency: str
    amount_minor: int
    direction: Direction
    occurred_at: float

    def __post_init__(self) -> None:
        if not 1 <= self.amount_minor <= AMOUNT_MINOR_MAX:
            raise ValueError("a movement has a positive amount")
        if not 0 <= self.occurred_at <= OCCURRED_AT_MAX:
            raise ValueError("a movement happens between 1970 and 9999")
        if self.direction not in ("in", "out"):
            raise ValueError("a movement goes in or out")

    @property
    def profile_id(self) -> str:
        return f"{self.currency}:{self.wallet}"


@dataclass(slots=True)
class Features:
    """The numbers of one movement. `history` counts the earlier movements of the same direction. Not frozen, like `Movement`."""

    currency: str
    amount_minor: int
    history: int
    age_days: float
    days_seen: int

    amount_usual_minor: int | None
    amount_z: float | None
    amount_ratio: float | None

    count_1h: int
    count_24h: int
    count_7d: int
    hourly_usual: float | None
    hourly_ratio: float | None
    burst_unknown: int | None
    """`count_1h` while there is no full day to compare it with."""

    mean_7d_minor: float | None
    """The mean of the earlier amounts of this week."""
    spend_24h_minor: int
    spend_usual_minor: int | None
    spend_ratio: float | None

    counterparty_times: int | None
    counterparty_surprise: float | None
    """Share of the earlier movements that met no new counterparty, if this one is new; else None."""
    met: int

    hour: int
    hour_rarity: float | None
    """1 minus the share of earlier movements within an hour of this one's hour (UTC)."""
    gap_days: float | None

    chargebacks: int
    """Of the counterparty, known within the last four weeks."""
    chargeback_share: float | None
    """Of the counterparty's matured movements since the first of them; None without any."""
    chargebacks_unbroken: int
    """All of the present run, while no movement since has matured as good."""


def features(movement: Movement, profile: Profile, counterparty: Counterparty | None = None) -> Features:
    """The features of a movement that neither state has absorbed yet."""
    at_s, flow = movement.occurred_at, profile.flow(movement.direction)
    usual_minor, z, ratio = _amount(movement.amount_minor, flow)
    age_days = 0.0 if profile.first_s is None else max(0.0, (at_s - profile.first_s) / DAY_S)

    count_1h = flow.minutes.total(at_s, back=12)[0] + 1
    count_24h, spend_24h = flow.hours.total(at_s, back=24)
    count_days, spend_days = flow.days.total(at_s, back=DAYS_BACK, skip=1)
    count_today, spend_today = flow.days.total(at_s, back=1)
    days = _days_covered(at_s, profile)
    hourly_usual = count_days / (24.0 * days) if days else None
    spend_usual = spend_days // days if days else None
    spend_24h += movement.amount_minor

    chargebacks, share, unbroken = _charged_back(counterparty, at_s)
    times, surprise = _counterparty(movement.counterparty, profile)
    hour = int(at_s // HOUR_S) % 24
    return Features(
        currency=movement.currency,
        amount_minor=movement.amount_minor,
        history=flow.count,
        age_days=age_days,
        days_seen=profile.days_seen,
        amount_usual_minor=usual_minor,
        amount_z=z,
        amount_ratio=ratio,
        count_1h=count_1h,
        count_24h=count_24h + 1,
        count_7d=count_days + count_today + 1,
        hourly_usual=hourly_usual,
        hourly_ratio=None if hourly_usual is None else count_1h / max(hourly_usual, HOURLY_USUAL_MIN),
        burst_unknown=count_1h if hourly_usual is None else None,
        mean_7d_minor=(spend_days + spend_today) / (count_days + count_today) if count_days + count_today else None,
        spend_24h_minor=spend_24h,
        spend_usual_minor=spend_usual,
        spend_ratio=spend_24h / spend_usual if spend_usual else None,
        counterparty_times=times,
        counterparty_surprise=surprise,
        met=profile.met,
        hour=hour,
        hour_rarity=_hour_rarity(hour, profile),
        gap_days=None if profile.last_s is None else max(0.0, (at_s - profile.last_s) / DAY_S),
        chargebacks=chargebacks,
        chargeback_share=share,
        chargebacks_unbroken=unbroken,
    )


def _charged_back(counterparty: Counterparty | None, at_s: float) -> tuple[int, float | None, int]:
    if counterparty is None or counterparty.run == 0:
        return 0, None, 0
    matured, good_since = counterparty.matured(int(at_s // DAY_S))
    recent = counterparty.known.total(at_s, back=CHARGEBACK_DAYS)[0]
    share = min(1.0, counterparty.run / matured) if matured else None
    return recent, share, 0 if good_since else counterparty.run


def _amount(amount_minor: int, flow: Flow) -> tuple[int | None, float | None, float | None]:
    """The usual amount, and how far above it this one is: in deviations and as a ratio.

    The deviations are the smaller of two: from the long mean and from the recent one (EWMA), so a wallet whose
    amounts moved to a new level is not alarmed by each of them.
    """
    if flow.count == 0:
        return None, None, None
    value, deviation = log(amount_minor), flow.deviation
    z = min(value - flow.mean, value - flow.ewma) / deviation
    return max(1, round(exp(flow.mean))), z, exp(value - flow.mean)


def _days_covered(at_s: float, profile: Profile) -> int:
    """How many whole days before the day of `at_s` the profile can speak of, at most `DAYS_BACK`."""
    if profile.first_s is None:
        return 0
    return int(max(0, min(DAYS_BACK, at_s // DAY_S - profile.first_s // DAY_S)))


def _counterparty(counterparty: str | None, profile: Profile) -> tuple[int | None, float | None]:
    if counterparty is None:
        return None, None
    times = profile.counterparties.get(counterparty_mark(counterparty), 0)
    if times or not profile.met:
        return times, None
    return 0, 1.0 - profile.met_new / profile.met


def _hour_rarity(hour: int, profile: Profile) -> float | None:
    if profile.count == 0:
        return None
    hours = profile.hours
    return 1.0 - (hours[hour - 1] + hours[hour] + hours[(hour + 1) % 24]) / profile.count
