"""Stored documents as typed values. The store is what is under suspicion, so every field is looked at before it is believed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

Document = dict[str, Any]

OWN_ACCOUNTS: Final = ("wallet:", "suspense:")
"""Accounts that are wallets; the sums of all others follow from the legs alone."""


class Malformed(Exception):
    """The document is not of the shape its collection promises; `str()` names the field."""


@dataclass(frozen=True, slots=True)
class Leg:
    """A signed amount on one account; the last four fields are there on the legs of wallets only."""

    account: str
    amount_minor: int
    locked_minor: int = 0
    balance_after: int = 0
    locked_after: int = 0
    version: int = 0

    @property
    def is_wallet(self) -> bool:
        return self.account.startswith(OWN_ACCOUNTS)

    @property
    def owner(self) -> str:
        """Whose account it is: `wallet:<owner>`, `receivable:<owner>`, or a suspense account, which is its own owner."""
        return self.account if self.account.startswith("suspense:") else self.account.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Transaction:
    key: str
    seq: int
    event_id: str
    source: str
    kind: str
    object_key: str
    from_state: str
    to_state: str
    currency: str
    amount_minor: int
    legs: tuple[Leg, ...]
    at: datetime

    def wallet_key(self, leg: Leg) -> str:
        return f"{self.currency}:{leg.owner}"


@dataclass(frozen=True, slots=True)
class Wallet:
    key: str
    owner: str
    currency: str
    balance_minor: int
    locked_minor: int
    receivable_minor: int
    version: int


@dataclass(frozen=True, slots=True)
class ProviderObject:
    """A payment, refund, dispute, payout, …, as the ledger left it."""

    key: str
    kind: str
    source: str
    object_id: str
    state: str
    currency: str
    amount_minor: int
    refunded_minor: int
    disputes_open: int
    wallet: str | None
    parent: str | None

    @property
    def owner(self) -> str:
        return self.wallet or f"suspense:{self.source}"


def read_transaction(document: Document) -> Transaction:
    """Raises `Malformed`."""
    change = _field(document, "change", dict)
    return Transaction(
        key=_text(document, "_id"),
        seq=_whole(document, "seq"),
        event_id=_text(document, "event_id"),
        source=_text(document, "source"),
        kind=_text(document, "kind"),
        object_key=_text(document, "object"),
        from_state=_text(change, "from"),
        to_state=_text(change, "to"),
        currency=_text(document, "currency"),
        amount_minor=_whole(document, "amount_minor"),
        legs=tuple(_leg(leg) for leg in _field(document, "legs", list)),
        at=_field(document, "at", datetime),
    )


def read_wallet(document: Document) -> Wallet:
    """Raises `Malformed`."""
    return Wallet(
        key=_text(document, "_id"),
        owner=_text(document, "owner"),
        currency=_text(document, "currency"),
        balance_minor=_whole(document, "balance_minor"),
        locked_minor=_whole(document, "locked_minor"),
        receivable_minor=_whole(document, "receivable_minor"),
        version=_whole(document, "version"),
    )


def read_object(document: Document) -> ProviderObject:
    """Raises `Malformed`."""
    return ProviderObject(
        key=_text(document, "_id"),
        kind=_text(document, "kind"),
        source=_text(document, "source"),
        object_id=_text(document, "object_id"),
        state=_text(document, "state"),
        currency=_text(document, "currency"),
        amount_minor=_whole(document, "amount_minor"),
        refunded_minor=_whole(document, "refunded_minor"),
        disputes_open=_whole(document, "disputes_open"),
        wallet=_text_or_none(document, "wallet"),
        parent=_text_or_none(document, "parent"),
    )


def name_of(document: Document) -> str:
    """The `_id` for a report, whatever it is."""
    found = document.get("_id")
    return found if isinstance(found, str) else repr(found)


def _leg(leg: object) -> Leg:
    if not isinstance(leg, dict):
        raise Malformed("a leg is no document")
    account = _text(leg, "account")
    if not account.startswith(OWN_ACCOUNTS):
        return Leg(account, _whole(leg, "amount_minor"))
    return Leg(
        account=account,
        amount_minor=_whole(leg, "amount_minor"),
        locked_minor=_whole(leg, "locked_minor"),
        balance_after=_whole(leg, "balance_after"),
        locked_after=_whole(leg, "locked_after"),
        version=_whole(leg, "version"),
    )


def _field(document: Document, name: str, kind: type) -> Any:
    found = document.get(name)
    if not isinstance(found, kind):
        raise Malformed(f"{name} is missing or of another type")
    return found


def _text(document: Document, name: str) -> str:
    found: str = _field(document, name, str)
    return found


def _text_or_none(document: Document, name: str) -> str | None:
    return _text(document, name) if document.get(name) is not None else None


def _whole(document: Document, name: str) -> int:
    found = document.get(name)
    if not isinstance(found, int) or isinstance(found, bool):
        raise Malformed(f"{name} is no whole number")
    return int(found)
