"""A provider's settlement export, row by row: which effect each row speaks of, and how much money.

Columns: our own (`id`, `type`, `amount` or `amount_minor`, `currency`, `date`), Stripe's balance reports and balance
transactions (docs.stripe.com/reports/report-types/balance, docs.stripe.com/reports/reporting-categories), and Razorpay's
settlement reconciliation (razorpay.com/docs/api/settlements/fetch-recon).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Final

from gateway.audit.export_file import Fields, Unreadable, is_json, read_fields
from gateway.money import AMOUNT_MINOR_MAX, NotMoney, minor_units


class Amounts(StrEnum):
    """How an export writes amounts."""

    AUTO = "auto"
    DECIMAL = "decimal"
    MINOR = "minor"


@dataclass(frozen=True, slots=True)
class Row:
    """Money that the provider says has moved."""

    line: int
    ids: tuple[str, ...]
    """What the ledger may know the object by, the likeliest first."""
    kinds: tuple[str, ...]
    """The effect; several where the export does not say which."""
    amount_minor: int
    """Negative where the row takes back a part of another one."""
    currency: str
    since: datetime | None
    until: datetime | None
    """The moment by the provider's clock, as exactly as it is written: a day, or a second."""
    is_automatic: bool = False
    """A payout that the provider makes by itself to the merchant's bank: the ledger keeps it only where it names a wallet."""


@dataclass(frozen=True, slots=True)
class OtherRow:
    """A row that speaks of something the ledger does not keep: a fee, a tax, a reserve."""

    line: int


@dataclass(frozen=True, slots=True)
class BadRow:
    line: int
    why: str


KINDS: Final = {
    "capture": "capture",
    "charge": "capture",
    "payment": "capture",
    "partial_capture_reversal": "capture",
    "refund": "refund",
    "payment_refund": "refund",
    "refund_failure": "refund_failed",
    "refund_failed": "refund_failed",
    "dispute": "dispute_withdrawn",
    "dispute_withdrawn": "dispute_withdrawn",
    "dispute_reversal": "dispute_reinstated",
    "dispute_reinstated": "dispute_reinstated",
    "payout": "payout_done",
    "payout_done": "payout_done",
    "payout_reversal": "payout_return",
    "payout_return": "payout_return",
    "transfer": "transfer",
}
"""A row's type or reporting category, and the effect it speaks of."""

_UNSAID: Final = ("capture", "refund", "transfer", "payout_done")
"""The effects a row may speak of that does not say its type."""

_TYPE: Final = ("reporting_category", "type", "transaction_entity")
_IDS: Final = {
    "capture": ("payment_intent_id", "payment_intent", "charge_id", "source_id", "source", "entity_id", "payment_id"),
    "refund": ("refund_id", "source_id", "source", "entity_id"),
    "dispute": ("dispute_id", "source_id", "source", "entity_id"),
    "payout": ("payout_id", "source_id", "source", "entity_id"),
    "transfer": ("tx_id", "transfer_id"),
}
_OF_A_PROVIDER: Final = ("source_id", "source", "entity_id", "balance_transaction_id")
"""With one of these the row's plain `id` is the provider's own bookkeeping, and its transfers are not ours."""
_AMOUNT: Final = (("customer_facing_amount", "customer_facing_currency"), ("gross", "currency"), ("amount", "currency"))
_DATE: Final = ("created_utc", "created_at", "created", "date", "occurred_at", "timestamp")


class _Bad(Exception):
    """What is wrong with a row."""


def read_rows(file: Path, amounts: Amounts) -> Iterator[Row | OtherRow | BadRow]:
    """Every row of the file; one that cannot be read is a `BadRow` with its line. Raises `NotAnExport`."""
    in_json = is_json(file)
    try:
        for line, fields in read_fields(file):
            if fields is None:
                yield BadRow(line, "it has not one value per column")
                continue
            try:
                yield _row(line, fields, _writes_minor(fields, amounts, in_json=in_json))
            except _Bad as wrong:
                yield BadRow(line, str(wrong))
    except Unreadable as fault:
        yield BadRow(fault.line, str(fault))


def _row(line: int, fields: Fields, writes_minor: bool) -> Row | OtherRow:
    kinds = _kinds(fields)
    if not kinds:
        return OtherRow(line)
    ids = tuple(dict.fromkeys(found for kind in kinds for found in _ids(fields, kind)))
    if not ids:
        raise _Bad("no id of a payment, refund, dispute or payout")
    amount, currency = _amount(fields, writes_minor)
    sign = -1 if _text(fields, *_TYPE) == "partial_capture_reversal" else 1
    since, until = _moment(fields)
    return Row(line, ids, kinds, sign * amount, currency, since, until, _is_automatic(fields, kinds))


def _is_automatic(fields: Fields, kinds: tuple[str, ...]) -> bool:
    """Stripe's reports name the automatic payout that a row is part of, its own row as well; its API expands the source."""
    if kinds != ("payout_done",):
        return False
    expanded = fields.get("source")
    if isinstance(expanded, dict):
        return expanded.get("automatic") is True
    return _text(fields, "automatic_payout_id") in {_text(fields, "source_id", "payout_id", "source")} - {""}


def _kinds(fields: Fields) -> tuple[str, ...]:
    """Empty for a row of another kind."""
    said = _text(fields, *_TYPE).lower()
    if not said:
        return _UNSAID
    if said == "adjustment" and _text(fields, "dispute_id"):  # how Razorpay books a dispute
        return ("dispute_reinstated",) if _text(fields, "credit") not in ("", "0", "0.00") else ("dispute_withdrawn",)
    kind = KINDS.get(said)
    if kind is None or (kind == "transfer" and any(name in fields for name in _OF_A_PROVIDER)):
        return ()
    return (kind,)


def _ids(fields: Fields, kind: str) -> Iterator[str]:
    for name in _IDS[kind.partition("_")[0]]:
        found = fields.get(name)
        if isinstance(found, dict):  # Stripe's expanded `source`: the charge, and the intent the ledger knows it by
            yield from (found[part] for part in ("payment_intent", "id") if isinstance(found.get(part), str))
        elif isinstance(found, str) and found.strip():
            yield found.strip()
    own = fields.get("id")
    if isinstance(own, str) and own.strip() and not any(name in fields for name in _OF_A_PROVIDER):
        yield own.strip()


def _writes_minor(fields: Fields, amounts: Amounts, *, in_json: bool) -> bool:
    if amounts is not Amounts.AUTO:
        return amounts is Amounts.MINOR
    return in_json and (fields.get("object") == "balance_transaction" or "entity_id" in fields)


def _amount(fields: Fields, writes_minor: bool) -> tuple[int, str]:
    """Minor units without their sign, which exports use in different ways, and the currency."""
    if _text(fields, "amount_minor"):
        return _whole(_text(fields, "amount_minor")), _currency(fields, "currency")
    for amount_name, currency_name in _AMOUNT:
        written = _text(fields, amount_name)
        if written:
            currency = _currency(fields, currency_name)
            return (_whole(written) if writes_minor else _decimal(written, currency)), currency
    raise _Bad("no amount")


def _currency(fields: Fields, name: str) -> str:
    currency = _text(fields, name).upper()
    if not currency:
        raise _Bad(f"no {name}")
    return currency


def _whole(written: str) -> int:
    digits = written.lstrip("+-")
    if not (digits.isascii() and digits.isdigit()) or int(digits) > AMOUNT_MINOR_MAX:
        raise _Bad("the amount is no whole number of minor units")
    return int(digits)


def _decimal(written: str, currency: str) -> int:
    """Reports pad: 12.3000 USD is 12.30, 500.00 JPY is 500; 12.305 USD is no amount."""
    try:
        amount = abs(Decimal(written))
        text = f"{amount:f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        return minor_units(text, currency) if amount else 0
    except (InvalidOperation, NotMoney) as wrong:
        raise _Bad(str(wrong) if isinstance(wrong, NotMoney) else "the amount is no decimal number") from None


def _moment(fields: Fields) -> tuple[datetime | None, datetime | None]:
    written = _text(fields, *_DATE)
    if not written:
        return None, None
    try:
        if written.isascii() and written.isdigit():
            since = datetime.fromtimestamp(int(written), UTC)
        else:
            since = datetime.fromisoformat(written)
    except (ValueError, OverflowError, OSError):
        raise _Bad("the date is none: ISO 8601 or unix seconds") from None
    since = since.replace(tzinfo=UTC) if since.tzinfo is None else since.astimezone(UTC)
    return since, since + (
        timedelta(days=1) if len(written) == len("2026-11-21") and "-" in written else timedelta(seconds=1)
    )


def _text(fields: Fields, *names: str) -> str:
    """The first of the columns that says something, as text."""
    for name in names:
        found = fields.get(name)
        if isinstance(found, str | int | Decimal) and not isinstance(found, bool) and str(found).strip():
            return str(found).strip()
    return ""
