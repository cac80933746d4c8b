"""A provider's export against the ledger: what matches, what is missing on either side, what has another amount."""

import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from booked_store import Booking, razorpay
from typer.testing import CliRunner

from gateway.audit.reconcile import EXAMPLES_MAX, Reconciliation, reconcile_export
from gateway.cli import commands
from gateway.queries.reading import Database

Ask = Callable[[Callable[[Database], Awaitable[Any]]], Any]

HEADER = "entity_id,type,debit,credit,amount,currency,created_at,dispute_id\n"
RIGHT = {
    "pay_1": "pay_1,payment,0,100.00,100.00,INR,1795255200,",
    "pay_2": "pay_2,payment,0,40.00,40.00,INR,1795255200,",
    "pay_3": "pay_3,payment,0,25.00,25.00,INR,1795255200,",
    "pay_4": "pay_4,payment,0,8.00,8.00,INR,1795255200,",
    "rfnd_1": "rfnd_1,refund,30.00,0,30.00,INR,1795255200,",
    "rfnd_2": "rfnd_2,refund,20.00,0,20.00,INR,1795255200,",
}
"""What Razorpay would settle of the story."""

Match = Callable[[str], Reconciliation]


@pytest.fixture
def match(books: Ask, tmp_path: Path) -> Match:
    def reconcile(text: str, source: str = "razorpay") -> Reconciliation:
        (tmp_path / "export").write_text(text)
        found: Reconciliation = books(
            lambda database: reconcile_export(database, source=source, file=tmp_path / "export")
        )
        return found

    return reconcile


def export(**changed: str | None) -> str:
    """The right export, with rows replaced, added or left out."""
    rows = {**RIGHT, **changed}
    return HEADER + "".join(f"{row}\n" for row in rows.values() if row)


def counts(found: Reconciliation) -> tuple[int, int, int, int, int]:
    return (
        found.matched,
        found.missing_here.count,
        found.missing_there.count,
        found.different_amount.count,
        found.bad_rows.count,
    )


def test_an_export_that_says_what_was_booked_matches(match: Match) -> None:
    """Every row, and nothing is left over."""
    found = match(export())
    assert found.ok
    assert counts(found) == (6, 0, 0, 0, 0)


def test_a_payment_that_we_never_heard_of_is_missing_here(match: Match) -> None:
    """With its line, its id and what it is worth."""
    found = match(export(pay_9="pay_9,payment,0,9.00,9.00,INR,1795255200,"))
    assert not found.ok
    assert counts(found) == (6, 1, 0, 0, 0)
    assert str(found.missing_here.examples[0]) == "line 8: razorpay:capture:pay_9, they say 9.00 INR"


def test_a_payment_that_they_do_not_list_is_missing_there(match: Match) -> None:
    """Within the export's period."""
    found = match(export(rfnd_1=None))
    assert counts(found) == (5, 0, 1, 0, 0)
    assert str(found.missing_there.examples[0]) == "ledger: razorpay:refund:rfnd_1, we booked 30.00 INR"


def test_what_was_booked_outside_the_exports_period_is_not_missing(match: Match) -> None:
    """Yesterday's export does not list what moved today; without dates all of the source is meant."""
    yesterday = HEADER + RIGHT["pay_1"].replace("1795255200", "1795100000") + "\n"
    assert match(yesterday).ok
    undated = "entity_id,type,amount,currency\npay_1,payment,100.00,INR\n"
    assert match(undated).missing_there.count == 5


@pytest.mark.parametrize(
    "row", ["pay_1,payment,0,99.99,99.99,INR,1795255200,", "pay_1,payment,0,100,100.00,USD,1795255200,"]
)
def test_another_amount_or_currency_is_different(match: Match, row: str) -> None:
    """Both figures are shown."""
    found = match(export(pay_1=row))
    assert counts(found) == (5, 0, 0, 1, 0)
    assert "we booked 100.00 INR" in str(found.different_amount.examples[0])


def test_a_payment_that_is_listed_twice_is_different(match: Match) -> None:
    """Rows of one effect are added up: settled twice is not settled right."""
    found = match(export(again=RIGHT["pay_4"]))
    assert counts(found) == (5, 0, 0, 1, 0)
    assert "they say 16.00 INR" in str(found.different_amount.examples[0])


def test_a_bad_row_is_no_match(match: Match) -> None:
    """A file that could not be read to the end proves nothing."""
    found = match(export(bad="pay_7,payment,0,x,x,INR,1795255200,"))
    assert not found.ok
    assert (found.bad_rows.count, found.bad_rows.examples[0].line) == (1, 8)


def test_fees_are_not_held_against_the_ledger(match: Match) -> None:
    """It does not keep them; they are counted as other rows."""
    found = match(export(fee="adj_1,adjustment,1.00,0,1.00,INR,1795255200,"))
    assert found.ok
    assert found.other_rows == 1


def test_disputes_and_payouts_are_looked_for_when_the_export_lists_such(match: Match) -> None:
    """The story has one lost dispute; a second one would be missing here."""
    assert match(export(lost="adj_2,adjustment,25.00,0,25.00,INR,1795255200,disp_2")).ok
    found = match(export(lost="adj_2,adjustment,25.00,0,25.00,INR,1795255200,disp_7"))
    assert (found.missing_here.count, found.missing_there.count) == (1, 1)


def test_a_payout_that_stripe_makes_by_itself_is_not_missed(match: Match) -> None:
    """The ledger leaves it out, but for one that names a wallet: that is held against it like any other."""
    columns = "created_utc,currency,gross,reporting_category,source_id,automatic_payout_id\n"
    at = "2026-11-21 10:00:00,inr"
    settled = [row.split(",") for row in RIGHT.values()]
    rows = [f"{at},{each[4]},{'refund' if each[1] == 'refund' else 'charge'},{each[0]},po_1" for each in settled]
    automatic = f"{at},-243.00,payout,po_1,po_1"
    found = match(columns + "\n".join([*rows, automatic]) + "\n")
    assert (counts(found), found.other_rows) == ((6, 0, 0, 0, 0), 1)
    by_hand = f"{at},-7.00,payout,po_2,"
    assert counts(match(columns + "\n".join([*rows, by_hand]) + "\n"))[1] == 1
    to_a_wallet = f"{at},-10.00,payout,pout_1,pout_1"
    assert counts(match(columns + "\n".join([*rows, to_a_wallet]) + "\n"))[0] == 7


def test_another_sources_ledger_is_another_ledger(match: Match) -> None:
    """The same ids mean nothing there."""
    found = match("id,type,amount,currency\ntx-1,transfer,3.00,INR\ntx-2,,50.00,INR\ntx-3,,20.00,INR\n", "payments")
    assert found.ok
    assert found.matched == 3


def test_long_lists_of_differences_are_counted_and_cut(match: Match) -> None:
    """A wrong file must not fill the memory or the screen."""
    rows = "".join(f"pay_x{n},payment,0,1.00,1.00,INR,1795255200,\n" for n in range(1_200))
    found = match(export() + rows)
    assert (found.matched, found.missing_here.count, len(found.missing_here.examples)) == (6, 1_200, EXAMPLES_MAX)


def test_what_moves_while_the_file_is_read_is_compared_once(books: Ask, tmp_path: Path) -> None:
    """A payment booked later than the export is outside its period."""

    async def run(database: Database) -> Reconciliation:
        (tmp_path / "export").write_text(export())
        await Booking(database, now=1_795_300_000).book([{**razorpay("payment.captured", "pay_8", 5, n=90_000)}])
        return await reconcile_export(database, source="razorpay", file=tmp_path / "export")

    assert books(run).ok


@pytest.fixture
def gateway(mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    monkeypatch.setenv("MONGO_URL", mongo_uri)
    monkeypatch.setenv("MONGO_DATABASE", database_name)
    return lambda *arguments: CliRunner().invoke(commands(), [str(each) for each in arguments])


def test_the_command_exits_with_0_only_when_everything_matches(
    books: Ask, gateway: Callable[..., Any], tmp_path: Path
) -> None:
    """A table for a person, one JSON document for a program."""
    (tmp_path / "right.csv").write_text(export())
    (tmp_path / "wrong.csv").write_text(export(rfnd_1=None))
    right = gateway("reconcile", "--source", "razorpay", "--file", tmp_path / "right.csv")
    wrong = gateway("reconcile", "--source", "razorpay", "--file", tmp_path / "wrong.csv", "--json")
    assert (right.exit_code, wrong.exit_code) == (0, 1)
    assert "6 rows of razorpay" in right.output
    assert "all match" in right.output
    report = json.loads(wrong.stdout)
    assert (report["ok"], report["matched"], report["missing_there"]["count"]) == (False, 5, 1)
    assert report["missing_there"]["examples"][0]["effect"] == "razorpay:refund:rfnd_1"
