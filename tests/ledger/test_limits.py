"""Limits by KYC level: what may go out, counted in windows that a key tells apart, and nothing else is ever gated."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import CannotStart
from gateway.events.event import Outcome, PaymentEvent
from gateway.ledger.books import Applied, Books
from gateway.ledger.limits import Limit, Limits, day_key, read_limits, refusal
from gateway.ledger.wallet import BALANCE_MINOR_MAX, Wallet
from gateway.settings import Settings

SMALL = Limits({"INR": {"BASIC": Limit(50, 100, 300), "ADVANCED": Limit(500, 1_000, 3_000)}}, "BASIC")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SEEDED = read_limits(Settings(_env_file=None).kyc_limits, Settings(_env_file=None).kyc_level_default)


def asked(
    number: int, amount: int, at: datetime = NOON, *, kind: str = "transfer", currency: str = "INR", ours: bool = True
) -> PaymentEvent:
    """What one of our systems asks for, of alice's wallet."""
    return PaymentEvent(
        event_id=f"evt_{number}",
        source="payments",
        kind=kind,
        step="completed" if kind == "transfer" else "requested",
        object_id=f"tx-{number}",
        occurred_at=at.timestamp(),
        amount_minor=amount,
        currency=currency,
        wallet="alice",
        counterparty="bob",
        ours=ours,
        arrived_at=at.timestamp(),
    )


def funded(amount: int = 10**9, *, limits: Limits = SMALL, level: str | None = None, currency: str = "INR") -> Books:
    wallet = Wallet("alice", currency, balance_minor=amount)
    return Books(wallets={wallet.key: wallet}, limits=limits, levels={"alice": level} if level else {})


def why(applied: Applied) -> str | None:
    """The refusal; None where the step was taken."""
    return None if applied.outcome is Outcome.APPLIED else applied.reason


@pytest.mark.parametrize("kind", ["transfer", "payout"])
def test_a_limit_may_be_reached_and_not_passed(kind: str) -> None:
    """Fifty at once, a hundred in a day; a withdrawal counts when it is asked for."""
    books = funded()
    assert why(books.apply(asked(1, 51, kind=kind))) == "over the limit of one transaction (PAY_005)"
    assert why(books.apply(asked(2, 50, kind=kind))) is None
    assert why(books.apply(asked(3, 50, kind=kind))) is None
    assert why(books.apply(asked(4, 1, kind=kind))) == "over the limit of the day (PAY_005)"


@pytest.mark.parametrize(
    ("last", "first"),
    [
        (datetime(2026, 11, 21, 23, 59, 59, 999_000, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC)),
        (datetime(2028, 2, 28, 23, 59, 59, tzinfo=UTC), datetime(2028, 2, 29, tzinfo=UTC)),
        (datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_day_ends_at_midnight_in_utc(last: datetime, first: datetime) -> None:
    """What was used before is not used after, and no job has to run in between."""
    books = funded()
    for number in (1, 2):
        assert why(books.apply(asked(number, 50, last))) is None
    assert why(books.apply(asked(3, 1, last))) is not None
    assert why(books.apply(asked(4, 50, first))) is None


def test_a_month_ends_with_its_last_day() -> None:
    """Three full days use the month up; the next month starts with nothing used."""
    books = funded()
    days = [datetime(2026, 11, day, 12, tzinfo=UTC) for day in (27, 28, 29)]
    for number, day in enumerate(days):
        assert why(books.apply(asked(2 * number, 50, day))) is None
        assert why(books.apply(asked(2 * number + 1, 50, day))) is None
    assert why(books.apply(asked(90, 1, datetime(2026, 11, 30, 23, 59, tzinfo=UTC)))) == (
        "over the limit of the month (PAY_005)"
    )
    assert why(books.apply(asked(91, 50, datetime(2026, 12, 1, tzinfo=UTC)))) is None


def test_an_event_that_arrives_late_does_not_reopen_the_day_before() -> None:
    """Taken from the queue after the first of the new day, it counts in that day; going back would forget what it used."""
    midnight = datetime(2026, 12, 1, tzinfo=UTC)
    books = funded()
    assert why(books.apply(asked(1, 50, midnight))) is None
    assert why(books.apply(asked(2, 50, midnight - timedelta(seconds=1)))) is None
    assert why(books.apply(asked(3, 1, midnight + timedelta(hours=1)))) == "over the limit of the day (PAY_005)"
    wallet = books.wallets["INR:alice"]
    assert (wallet.day, wallet.day_used_minor, wallet.month_used_minor) == ("2026-12-01", 100, 100)


@pytest.mark.parametrize(
    ("level", "single", "day", "month"),
    [
        ("BASIC", 5_000, 10_000, 100_000),
        ("INTERMEDIATE", 25_000, 50_000, 1_000_000),
        ("ADVANCED", 100_000, 500_000, 5_000_000),
    ],
)
def test_the_settings_carry_the_levels_of_the_wallet_service(level: str, single: int, day: int, month: int) -> None:
    """In rupees; the tables count in paise."""
    assert SEEDED.of("INR", level) == Limit(single * 100, day * 100, month * 100)


def test_a_level_decides_from_the_next_step_on() -> None:
    """Refused as BASIC, allowed as ADVANCED; what was used stays used."""
    books = funded()
    assert why(books.apply(asked(1, 51))) is not None
    books.levels["alice"] = "ADVANCED"
    assert why(books.apply(asked(2, 500))) is None
    books.levels["alice"] = "BASIC"
    assert why(books.apply(asked(3, 1))) == "over the limit of the day (PAY_005)"


def test_a_level_that_the_settings_forgot_is_the_default_one() -> None:
    """Taking a level out of the settings must not free those who had it."""
    assert SMALL.of("INR", "GOLD") == SMALL.of("INR", None) == SMALL.of("INR", "BASIC")


def test_a_currency_without_limits_asks_for_funds_alone() -> None:
    """Limits are for the currencies that have them."""
    books = funded(100, currency="USD")
    assert why(books.apply(asked(1, 101, currency="USD"))) == "insufficient funds (PAY_002)"
    assert why(books.apply(asked(2, 100, currency="USD"))) is None


def test_what_is_on_hold_is_not_available() -> None:
    """A withdrawal holds its amount, so the next step finds less."""
    books = funded(80)
    assert why(books.apply(asked(1, 50, kind="payout"))) is None
    assert why(books.apply(asked(2, 31))) == "insufficient funds (PAY_002)"
    assert why(books.apply(asked(3, 30))) is None


def test_what_a_provider_reports_is_never_gated() -> None:
    """It has happened: no limit, no funds, and no window is used by it."""
    books = funded(10)
    assert why(books.apply(asked(1, 10**6, ours=False))) is None
    assert why(books.apply(asked(2, 10**6, kind="payout", ours=False))) is None
    wallet = books.wallets["INR:alice"]
    assert (wallet.day, wallet.day_used_minor, wallet.receivable_minor) == ("", 0, 2 * 10**6 - 10)


def test_a_sum_without_a_limit_stays_storable() -> None:
    """A month of the largest transfers passes 64 bits only in theory; the counter stops where MongoDB still holds it."""
    wallet = Wallet("alice", "USD", day="2026-11-21", day_used_minor=BALANCE_MINOR_MAX, month_used_minor=1)
    assert wallet.having_sent(10, "2026-11-21").day_used_minor == BALANCE_MINOR_MAX


@dataclass
class Model:
    """The rules again, in the simplest words: a list of what went out and when."""

    balance: int
    sent: list[tuple[str, int]] = field(default_factory=list)

    def ask(self, amount: int, day: str, limit: Limit) -> bool:
        counted = max([day, *(sent_on for sent_on, _ in self.sent)])
        today = sum(gone for sent_on, gone in self.sent if sent_on == counted)
        month = sum(gone for sent_on, gone in self.sent if sent_on[:7] == counted[:7])
        if (
            amount > self.balance
            or amount > limit.single_minor
            or today + amount > limit.day_minor
            or month + amount > limit.month_minor
        ):
            return False
        self.balance -= amount
        self.sent.append((counted, amount))
        return True


moments = st.datetimes(datetime(2026, 11, 28), datetime(2026, 12, 3)).map(lambda at: at.replace(tzinfo=UTC))
steps = st.lists(st.tuples(st.integers(1, 60), moments, st.sampled_from(["transfer", "payout"])), max_size=25)


@given(steps, st.integers(0, 900))
def test_the_books_decide_as_the_rules_in_plain_words(asks: list[tuple[int, datetime, str]], balance: int) -> None:
    """In any order of arrival, around the edges of days and of a month."""
    books, model = funded(balance), Model(balance)
    limit = SMALL.of("INR", None)
    assert limit is not None
    for number, (amount, at, kind) in enumerate(asks):
        allowed = model.ask(amount, day_key(at.timestamp()), limit)
        assert (why(books.apply(asked(number, amount, at, kind=kind))) is None) == allowed
    wallet = books.wallets["INR:alice"]
    assert wallet.balance_minor - wallet.locked_minor == model.balance


@given(steps)
def test_no_window_is_ever_passed(asks: list[tuple[int, datetime, str]]) -> None:
    """In order of arrival: what went out on a day and in a month of the calendar, summed from the postings."""
    books = funded()
    gone: dict[str, int] = {}
    for number, (amount, at, kind) in enumerate(sorted(asks, key=lambda ask: ask[1])):
        if why(books.apply(asked(number, amount, at, kind=kind))) is None:
            for window in (day_key(at.timestamp()), day_key(at.timestamp())[:7]):
                gone[window] = gone.get(window, 0) + amount
    assert all(amount <= (100 if len(window) == 10 else 300) for window, amount in gone.items())


@given(steps, st.integers(0, 300))
def test_a_refused_step_changes_nothing(asks: list[tuple[int, datetime, str]], balance: int) -> None:
    """No object, no wallet, no window, no transaction; asked again, the same answer."""
    books = funded(balance)
    for number, (amount, at, kind) in enumerate(asks):
        before = (dict(books.objects), dict(books.wallets), set(books.changed_objects), set(books.changed_wallets))
        event = asked(number, amount, at, kind=kind)
        answer = books.apply(event)
        if answer.outcome is Outcome.REJECTED:
            assert (books.objects, books.wallets, books.changed_objects, books.changed_wallets) == before
            assert answer.transaction is None
            assert books.apply(event) == answer


@given(st.integers(1, 10**12), moments)
def test_a_fact_is_applied_whatever_the_limits(amount: int, at: datetime) -> None:
    """The same transfer as a payment that has happened."""
    assert why(funded(0).apply(asked(1, amount, at, ours=False))) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"INR": {"BASIC": {"single": "1"}}}',
        '{"INR": {"BASIC": {"single": "1", "day": "2", "month": "3", "year": "4"}}}',
        '{"INR": {"BASIC": {"single": "1.234", "day": "2", "month": "3"}}}',
        '{"INR": {"BASIC": {"single": "0", "day": "2", "month": "3"}}}',
        '{"INR": {"BASIC": {"single": "-1", "day": "2", "month": "3"}}}',
        '{"XXY": {"BASIC": {"single": "1", "day": "2", "month": "3"}}}',
    ],
)
def test_limits_that_cannot_be_read_stop_the_start(text: str) -> None:
    """With the shape they should have; a gate that is misspelt must not stand open."""
    with pytest.raises(CannotStart, match="KYC_LIMITS"):
        read_limits(text, "BASIC")


def test_the_default_level_is_one_of_the_levels() -> None:
    """Else nobody would have a limit."""
    with pytest.raises(CannotStart, match="KYC_LEVEL_DEFAULT"):
        read_limits('{"INR": {"BASIC": {"single": "1", "day": "2", "month": "3"}}}', "BASE")
    assert read_limits("{}", "ANY").of("INR", None) is None


def test_funds_are_looked_at_before_limits() -> None:
    """The first reason is the one that a top-up cures."""
    wallet = replace(Wallet("alice", "INR"), balance_minor=10)
    assert refusal(wallet, 1_000, SMALL.of("INR", None), NOON.timestamp()) == "insufficient funds (PAY_002)"
