"""Limits by KYC level, for what we send out: transfers and withdrawals that our own systems ask for.

What a provider reports has happened and is never refused. A window is compared by its key (the day, the month in UTC), not
reset by a job; what a window's key is not today's has not been used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from gateway.errors import CannotStart
from gateway.ledger.wallet import Wallet
from gateway.money import NotMoney, minor_units


@dataclass(frozen=True, slots=True)
class Limit:
    """Minor units that may go out at once, in a day, in a month."""

    single_minor: int
    day_minor: int
    month_minor: int


class _LimitText(BaseModel):
    model_config = ConfigDict(extra="forbid")

    single: str
    day: str
    month: str


@dataclass(frozen=True, slots=True)
class Limits:
    """`by_level[currency][level]`; a currency without the level has no limit. A level that no currency names (it was taken
    out of the settings after owners had it) is the default one: forgetting a level must not open the gate."""

    by_level: Mapping[str, Mapping[str, Limit]]
    level_default: str

    def of(self, currency: str, level: str | None) -> Limit | None:
        return self.by_level.get(currency, {}).get(self.known(level))

    def known(self, level: str | None) -> str:
        """The level that counts for an owner who was given `level`, or none."""
        return level if level is not None and level in self.levels else self.level_default

    @property
    def levels(self) -> frozenset[str]:
        return frozenset(level for levels in self.by_level.values() for level in levels)


NO_LIMITS: Final = Limits(MappingProxyType({}), "")


def read_limits(text: str, level_default: str) -> Limits:
    """From the settings' JSON: `{"INR": {"BASIC": {"single": "5000", "day": "10000", "month": "100000"}}}`.

    Raises `CannotStart`.
    """
    try:
        told = TypeAdapter(dict[str, dict[str, _LimitText]]).validate_python(orjson.loads(text))
        by_level = {
            currency: {level: _limit(limit, currency) for level, limit in levels.items()}
            for currency, levels in told.items()
        }
    except (ValidationError, NotMoney, orjson.JSONDecodeError):
        raise CannotStart(
            'KYC_LIMITS: cannot be read; write it like {"INR": {"BASIC": {"single": "5000", "day": "10000", "month": "100000"}}}.'
        ) from None
    limits = Limits(MappingProxyType(by_level), level_default)
    if limits.levels and level_default not in limits.levels:
        raise CannotStart(f"KYC_LEVEL_DEFAULT: {level_default} is no level of KYC_LIMITS.")
    return limits


def day_key(at: float) -> str:
    """The window of a day, in UTC: "2026-11-21"."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def refusal(wallet: Wallet, amount_minor: int, limit: Limit | None, at: float) -> str | None:
    """Why the wallet may not send out the amount at that time; None when it may. Codes in brackets are the API's."""
    if amount_minor > wallet.balance_minor - wallet.locked_minor:
        return "insufficient funds (PAY_002)"
    if limit is None:
        return None
    day = wallet.window(day_key(at))
    if amount_minor > limit.single_minor:
        return "over the limit of one transaction (PAY_005)"
    if amount_minor + used(wallet.day, wallet.day_used_minor, day) > limit.day_minor:
        return "over the limit of the day (PAY_005)"
    if amount_minor + used(wallet.month, wallet.month_used_minor, day[:7]) > limit.month_minor:
        return "over the limit of the month (PAY_005)"
    return None


def used(window: str, used_minor: int, now: str) -> int:
    """What of the window `now` is used: nothing, if the stored window is another."""
    return used_minor if window == now else 0


def _limit(told: _LimitText, currency: str) -> Limit:
    return Limit(minor_units(told.single, currency), minor_units(told.day, currency), minor_units(told.month, currency))
