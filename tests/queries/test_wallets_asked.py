"""What a wallet holds and what moved it."""

import pytest
from seeded_store import Ask

from gateway.errors import BadRequest, NotFound
from gateway.queries.history import WalletHistory, wallet_history
from gateway.queries.wallets import wallet_balances


def test_an_owner_is_answered_in_every_currency(ask: Ask) -> None:
    """Each by itself; nothing is added up."""
    found = ask(lambda database: wallet_balances(database, "alice"))
    assert [(balance.currency, balance.balance) for balance in found.balances] == [("EUR", "1.00"), ("USD", "69.50")]


def test_a_wallet_tells_what_is_locked_available_and_owed(ask: Ask) -> None:
    """In decimals and in minor units."""
    (usd,) = ask(lambda database: wallet_balances(database, "USD:alice")).balances
    assert (usd.balance, usd.locked, usd.available, usd.receivable) == ("69.50", "9.50", "60.00", "0.05")
    assert (usd.balance_minor, usd.locked_minor, usd.available_minor, usd.receivable_minor) == (6_950, 950, 6_000, 5)


def test_a_currency_without_decimals_has_none(ask: Ask) -> None:
    """5,000 yen is 5000; a suspense wallet is asked for like any other."""
    (yen,) = ask(lambda database: wallet_balances(database, "suspense:razorpay")).balances
    assert yen.balance == "5000"


@pytest.mark.parametrize("name", ["nobody", "USD:nobody", "GBP:alice", "ALICE"])
def test_an_unknown_wallet_is_an_error_not_an_empty_wallet(ask: Ask, name: str) -> None:
    """Also a currency that the owner has no wallet in."""
    with pytest.raises(NotFound, match="No wallet"):
        ask(lambda database: wallet_balances(database, name))


def test_history_is_newest_first_and_signed_from_the_wallets_side(ask: Ask) -> None:
    """With what the balance was afterwards and who was on the other side."""
    entries = ask(lambda database: wallet_history(database, "USD:alice")).entries
    assert [(entry.kind, entry.amount, entry.balance_after) for entry in entries] == [
        ("transfer", "-30.50", "69.50"),
        ("refund", "-20.00", "100.00"),
        ("capture", "120.00", "120.00"),
    ]
    assert entries[0].counterparties == ["wallet:bob"]


def test_history_of_an_owner_spans_currencies_unless_one_is_asked_for(ask: Ask) -> None:
    """Newest first across them."""
    assert [entry.currency for entry in ask(lambda database: wallet_history(database, "alice")).entries][:2] == [
        "EUR",
        "USD",
    ]
    euros = ask(lambda database: wallet_history(database, "alice", currency="EUR")).entries
    assert [entry.transaction_id for entry in euros] == ["stripe:capture:pi_eur"]


def test_a_wallet_and_another_currency_have_no_history_together(ask: Ask) -> None:
    """The two conditions both count; neither is dropped."""
    assert ask(lambda database: wallet_history(database, "USD:alice", currency="EUR")).entries == []


def test_a_suspense_wallet_has_a_history_too(ask: Ask) -> None:
    """Its account is named by its owner alone."""
    (entry,) = ask(lambda database: wallet_history(database, "suspense:razorpay")).entries
    assert (entry.amount, entry.balance_after, entry.counterparties) == ("5000", "5000", ["clearing:razorpay"])


def test_pages_follow_each_other_without_gap_or_overlap(ask: Ask) -> None:
    """The last page has no cursor."""
    pages: list[WalletHistory] = []
    cursor = None
    while not pages or cursor:
        pages.append(
            ask(lambda database, cursor=cursor: wallet_history(database, "alice", limit=3, cursor=cursor)),
        )
        cursor = pages[-1].next_cursor
    assert [entry.seq for page in pages for entry in page.entries] == [5, 3, 2, 1]
    assert [len(page.entries) for page in pages] == [3, 1]


@pytest.mark.parametrize(
    "cursor", ["", "a", "zzzzz", "====", "LTE", "MC4x", "\x00\x00", "A" * 500, "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA", "🙂🙂"]
)
def test_a_cursor_that_we_never_gave_is_refused(ask: Ask, cursor: str) -> None:
    """Not guessed at: "LTE" is −1, "MC4x" is 0.1, one is a number beyond 64 bits."""
    with pytest.raises(BadRequest, match="cursor"):
        ask(lambda database: wallet_history(database, "alice", cursor=cursor))


@pytest.mark.parametrize("limit", [0, -1, 101])
def test_a_page_has_a_bound(ask: Ask, limit: int) -> None:
    """1 to 100."""
    with pytest.raises(BadRequest, match="limit"):
        ask(lambda database: wallet_history(database, "alice", limit=limit))


@pytest.mark.parametrize("currency", ["usd", "US", "\ud800AB", "USDX"])
def test_a_currency_is_three_capital_letters(ask: Ask, currency: str) -> None:
    """Anything else is refused before the store is asked."""
    with pytest.raises(BadRequest, match="currency"):
        ask(lambda database: wallet_history(database, "alice", currency=currency))
