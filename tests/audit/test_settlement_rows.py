"""Exports as providers write them, read row by row: which effect, how much, when; and what is wrong with a row, where."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.audit.export_file import VALUE_CHARS_MAX, NotAnExport
from gateway.audit.settlement import Amounts, BadRow, OtherRow, Row, read_rows


@pytest.fixture
def export(tmp_path: Path) -> "Export":
    return Export(tmp_path / "export")


class Export:
    """A file to be read as an export."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def of(self, text: str | bytes, amounts: Amounts = Amounts.AUTO) -> list[Row | OtherRow | BadRow]:
        self.path.write_bytes(text.encode() if isinstance(text, str) else text)
        return list(read_rows(self.path, amounts))


STRIPE_REPORT = """\
balance_transaction_id,created_utc,created,available_on_utc,currency,gross,fee,net,reporting_category,source_id,\
customer_facing_amount,customer_facing_currency,charge_id,payment_intent_id
txn_1,2026-11-20 10:00:00,2026-11-20 15:30:00,2026-11-22,usd,120.00,3.78,116.22,charge,ch_1,120.00,usd,ch_1,pi_1
txn_2,2026-11-20 11:00:00,2026-11-20 16:30:00,2026-11-22,usd,-20.00,0.00,-20.00,refund,re_1,-20.00,usd,ch_1,pi_1
txn_3,2026-11-20 12:00:00,2026-11-20 17:30:00,2026-11-22,usd,-10.00,0.00,-10.00,partial_capture_reversal,re_2,,,ch_1,pi_1
txn_4,2026-11-20 13:00:00,2026-11-20 18:30:00,2026-11-22,usd,-0.25,0.00,-0.25,fee,,,,,
txn_5,2026-11-20 14:00:00,2026-11-20 19:30:00,2026-11-22,usd,-50.00,15.00,-65.00,dispute,dp_1,,,ch_3,pi_3
txn_6,2026-11-20 15:00:00,2026-11-20 20:30:00,2026-11-22,usd,108.00,3.00,105.00,charge,ch_4,100.00,eur,ch_4,
"""


def test_stripes_balance_report_is_read(export: Export) -> None:
    """By the intent where there is one; refunds by their own id; the customer's currency where the account's differs."""
    capture, refund, reversal, fee, dispute, euros = export.of(STRIPE_REPORT)
    assert isinstance(capture, Row)
    assert (capture.ids, capture.kinds, capture.amount_minor) == (("pi_1", "ch_1"), ("capture",), 120_00)
    assert (capture.line, capture.currency, capture.since) == (2, "USD", datetime(2026, 11, 20, 10, tzinfo=UTC))
    assert isinstance(refund, Row)
    assert (refund.ids, refund.kinds, refund.amount_minor) == (("re_1",), ("refund",), 20_00)
    assert isinstance(reversal, Row)
    assert (reversal.ids[0], reversal.kinds, reversal.amount_minor) == ("pi_1", ("capture",), -10_00)
    assert fee == OtherRow(5)
    assert isinstance(dispute, Row)
    assert (dispute.ids, dispute.kinds, dispute.amount_minor) == (("dp_1",), ("dispute_withdrawn",), 50_00)
    assert isinstance(euros, Row)
    assert (euros.ids, euros.amount_minor, euros.currency) == (("ch_4",), 100_00, "EUR")


def test_stripes_api_pages_are_read_in_minor_units(export: Export) -> None:
    """A balance transaction's own id names nothing that the ledger knows; its source does, expanded or not."""
    page = {
        "object": "list",
        "data": [
            {
                "id": "txn_1",
                "object": "balance_transaction",
                "amount": 12_000,
                "currency": "usd",
                "created": 1_795_255_200,
                "type": "charge",
                "source": {"id": "ch_1", "payment_intent": "pi_1"},
            },
            {
                "id": "txn_2",
                "object": "balance_transaction",
                "amount": -2_000,
                "currency": "usd",
                "created": 1_795_255_300,
                "type": "refund",
                "source": "re_1",
            },
        ],
    }
    capture, refund = export.of(json.dumps(page))
    assert isinstance(capture, Row)
    assert isinstance(refund, Row)
    assert (capture.ids, capture.amount_minor) == (("pi_1", "ch_1"), 12_000)
    assert (refund.ids, refund.amount_minor, refund.since) == (
        ("re_1",),
        2_000,
        datetime.fromtimestamp(1_795_255_300, UTC),
    )


def test_razorpays_reconciliation_is_read(export: Export) -> None:
    """From the API in paise; disputes are adjustments with a dispute's id; transfers and other adjustments are not ours."""
    rows = [
        {"entity_id": "pay_1", "type": "payment", "debit": 0, "credit": 97_640, "amount": 100_000, "currency": "INR"},
        {
            "entity_id": "rfnd_1",
            "type": "refund",
            "debit": 500,
            "amount": 500,
            "currency": "INR",
            "payment_id": "pay_1",
        },
        {
            "entity_id": "adj_1",
            "type": "adjustment",
            "debit": 700,
            "credit": 0,
            "amount": 700,
            "currency": "INR",
            "dispute_id": "disp_1",
        },
        {
            "entity_id": "adj_2",
            "type": "adjustment",
            "debit": 9,
            "credit": 0,
            "amount": 9,
            "currency": "INR",
            "dispute_id": None,
        },
        {"entity_id": "trf_1", "type": "transfer", "debit": 9, "amount": 9, "currency": "INR"},
    ]
    found = export.of(json.dumps({"entity": "collection", "count": 5, "items": rows}))
    assert [(row.ids[0], row.kinds[0], row.amount_minor) for row in found if isinstance(row, Row)] == [
        ("pay_1", "capture", 100_000),
        ("rfnd_1", "refund", 500),
        ("disp_1", "dispute_withdrawn", 700),
    ]
    assert [type(row) for row in found[3:]] == [OtherRow, OtherRow]


def test_our_own_columns_are_enough(export: Export) -> None:
    """`id`, `amount` and `currency`; the rest may be absent, also the type."""
    (row,) = export.of("id;amount;currency\npay_1;12.5;INR\n")
    assert isinstance(row, Row)
    assert (row.ids, row.amount_minor, row.currency, row.since) == (("pay_1",), 12_50, "INR", None)
    assert set(row.kinds) >= {"capture", "refund", "transfer"}


def test_minor_units_and_decimals_are_told_apart(export: Export) -> None:
    """By the column's name, or by the option; 500.00 JPY is 500, and no fraction is ever rounded."""
    (minor,) = export.of("id,amount_minor,currency\npay_1,1250,INR\n")
    (told,) = export.of("id,amount,currency\npay_1,1250,INR\n", Amounts.MINOR)
    yen, dinar, fraction = export.of("id,amount,currency\na,500.00,JPY\nb,1.2345000,KWD\nc,12.345,USD\n")
    assert isinstance(minor, Row)
    assert isinstance(told, Row)
    assert isinstance(yen, Row)
    assert minor.amount_minor == told.amount_minor == 12_50
    assert yen.amount_minor == 500
    assert dinar == BadRow(3, "KWD has 3 decimals; the amount has more")
    assert fraction == BadRow(4, "USD has 2 decimals; the amount has more")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (",12.00,INR,2026-11-21", "no id"),
        ("pay_1,,INR,2026-11-21", "no amount"),
        ("pay_1,12.00,,2026-11-21", "no currency"),
        ("pay_1,12.00,RUPEES,2026-11-21", "ISO 4217"),
        ("pay_1,twelve,INR,2026-11-21", "no decimal number"),
        ("pay_1,NaN,INR,2026-11-21", "decimal"),
        ("pay_1,1e400,INR,2026-11-21", "decimal"),
        ("pay_1,12.00,INR,21/11/2026", "date"),
        ("pay_1,12.00,INR,99999999999999999999", "date"),
        ("pay_1,12.00,INR", "one value per column"),
        ("pay_1,12.00,INR,2026-11-21,more", "one value per column"),
    ],
)
def test_a_bad_row_is_named_by_its_line_and_the_rows_after_it_are_read(export: Export, row: str, why: str) -> None:
    """Each by itself; a reader who fixes the line fixes the file."""
    bad, good = export.of(f"id,amount,currency,date\n{row}\npay_2,1.00,INR,2026-11-21\n")
    assert isinstance(bad, BadRow)
    assert bad.line == 2
    assert why in bad.why
    assert isinstance(good, Row)


def test_a_line_number_survives_quoted_line_breaks(export: Export) -> None:
    """It is the line of the file, not the number of the row."""
    _, bad = export.of('id,amount,currency\n"pay\n1",1.00,INR\npay_2,x,INR\n')
    assert isinstance(bad, BadRow)
    assert bad.line == 4


def test_json_lines_and_lists_give_the_same_rows(export: Export) -> None:
    """One object a line, or a list over many lines; decimals stay exact."""
    one, other = {"id": "pay_1", "amount": 0.1, "currency": "INR"}, {"id": "pay_2", "amount": "7", "currency": "INR"}
    lines = export.of(f"{json.dumps(one)}\n{json.dumps(other)}\n")
    listed = export.of(json.dumps([one, other], indent=2))
    assert [(row.ids, row.amount_minor) for row in lines if isinstance(row, Row)] == [
        (("pay_1",), 10),
        (("pay_2",), 7_00),
    ]
    assert [row.ids for row in listed if isinstance(row, Row)] == [("pay_1",), ("pay_2",)]
    assert [row.line for row in lines] == [1, 2]


def test_a_file_that_ends_in_the_middle_says_so(export: Export) -> None:
    """The rows before the break are still read."""
    good, bad = export.of('[{"id": "pay_1", "amount": "1", "currency": "INR"},\n{"id": "pay_2", "amou')
    assert isinstance(good, Row)
    assert bad == BadRow(2, "no JSON from here on")


def test_what_stands_after_the_list_is_not_passed_over(export: Export) -> None:
    """Two lists in one file, one inside the other, or a page cut in two: better refused than half read."""
    row = '{"id": "pay_1", "amount": "1", "currency": "INR"}'
    for text in (f"[{row}]\n[{row}]", f"[{row}] and more", f"[{row}]]"):
        good, bad = export.of(text)
        assert isinstance(good, Row)
        assert isinstance(bad, BadRow)
        assert "the file goes on" in bad.why
    assert [type(each) for each in export.of(f"[[{row}],[{row}]]")] == [BadRow, BadRow]


@pytest.mark.parametrize("text", ["[1, 2]", '[["id"]]', "[null]"])
def test_a_value_that_is_no_record_is_a_bad_row(export: Export, text: str) -> None:
    """A list of something else."""
    assert all(isinstance(row, BadRow) for row in export.of(text))


@pytest.mark.parametrize("text", [b"", b"\n\n", b"id,amount,currency\n", b"[]"])
def test_a_file_without_rows_has_none(export: Export, text: bytes) -> None:
    """Which is not an error of the file."""
    assert export.of(text) == []


def test_a_file_that_is_no_text_is_refused(export: Export) -> None:
    """With what to do."""
    with pytest.raises(NotAnExport, match="UTF-8"):
        export.of(b"id,amount\n\xff\xfe\x00")


def test_a_byte_order_mark_is_no_part_of_the_first_column(export: Export) -> None:
    """Spreadsheets write one."""
    (row,) = export.of(b"\xef\xbb\xbfid,amount,currency\npay_1,1.00,INR\n")
    assert isinstance(row, Row)


def test_nesting_without_end_is_a_bad_row_and_not_a_crash(export: Export) -> None:
    """The file is from outside."""
    (bad,) = export.of("[" * 100_000)
    assert isinstance(bad, BadRow)
    assert VALUE_CHARS_MAX > 100_000
