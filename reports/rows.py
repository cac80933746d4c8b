"""Rows of the aggregations → figures: pure, and the one place where text from outside enters a report."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from reports.books import (
    FLOW_KINDS,
    AccountChange,
    Amount,
    CurrencyFigures,
    Flow,
    Listing,
    OtherKind,
    SourceFlow,
    StepFlow,
    WalletChange,
    flow,
    summed,
)
from reports.figures import (
    EventFigures,
    Incident,
    OpenEvents,
    OutcomeCount,
    ParkedEvent,
    ReasonCount,
    RefusalCount,
    Refusals,
    StateCount,
    TypeCount,
)

Row = Mapping[str, Any]
Facets = Mapping[str, list[dict[str, Any]]]

CHARS_MAX: Final = 160


def shown(text: object, chars_max: int = CHARS_MAX) -> str:
    """Text from outside as it may be shown: bounded, and every control and direction mark spelled out.

    U+202E and its like would let a sender turn the words of a report around (Unicode TR 36, bidirectional spoofing).
    """
    kept = "" if text is None else str(text)
    if len(kept) > chars_max:
        kept = kept[: chars_max - 1] + "…"
    return "".join(_spelled(char) if unicodedata.category(char).startswith("C") else char for char in kept)


def _spelled(char: str) -> str:
    return " " if char in "\n\t" else f"\\u{ord(char):04x}"


def starts(since: datetime, until: datetime, step: str) -> tuple[datetime, ...]:
    """The start of every step that touches the period, as `$dateTrunc` cuts them."""
    start = _truncated(since, step)
    found: list[datetime] = []
    while start < until:
        found.append(start)
        start = _truncated(start + _MORE_THAN_ONE[step], step)
    return tuple(found)


_MORE_THAN_ONE: Final = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "month": timedelta(days=31),
}


def _truncated(moment: datetime, step: str) -> datetime:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if step == "hour":
        return midnight.replace(hour=moment.hour)
    return midnight.replace(day=1) if step == "month" else midnight


def currencies(flows: Sequence[Row], accounts: Facets, steps: Sequence[datetime]) -> tuple[CurrencyFigures, ...]:
    """One set of figures per currency that had a transaction, in the order of the codes."""
    changed = {row["_id"]: row for row in accounts["wallets"]}
    classes: dict[str, list[AccountChange]] = defaultdict(list)
    for row in accounts["classes"]:
        currency = row["_id"]["currency"]
        classes[currency].append(AccountChange(shown(row["_id"]["class"]), _amount(row["minor"], currency)))
    return tuple(
        _currency(
            code, [row for row in flows if row["_id"]["currency"] == code], classes[code], changed.get(code), steps
        )
        for code in sorted({row["_id"]["currency"] for row in flows})
    )


def _currency(
    code: str, flows: Sequence[Row], accounts: list[AccountChange], changed: Row | None, steps: Sequence[datetime]
) -> CurrencyFigures:
    by_source: dict[str, list[Flow]] = defaultdict(list)
    by_start: dict[datetime, list[Flow]] = {start: [] for start in steps}
    others: dict[str, OtherKind] = {}
    for row in flows:
        key, amount = row["_id"], _amount(row["minor"], code)
        if key["kind"] in FLOW_KINDS:
            one = flow(code, {key["kind"]: amount.amount_minor}, row["n"])
            by_source[key["source"]].append(one)
            by_start.setdefault(key["start"], []).append(one)
        else:
            before = others.get(key["kind"], OtherKind(shown(key["kind"]), Amount(0, code), 0))
            others[key["kind"]] = OtherKind(before.kind, before.amount + amount, before.transactions + row["n"])
    return CurrencyFigures(
        currency=code,
        by_source=tuple(SourceFlow(shown(name), summed(parts, code)) for name, parts in sorted(by_source.items())),
        series=tuple(StepFlow(start, summed(parts, code)) for start, parts in sorted(by_start.items())),
        other_kinds=tuple(others[kind] for kind in sorted(others)),
        accounts=tuple(accounts),
        wallets=_wallets(code, changed),
    )


def _wallets(code: str, changed: Row | None) -> Listing[WalletChange]:
    if changed is None:
        return Listing(())
    listed = tuple(
        WalletChange(
            owner=shown(row["account"].removeprefix("wallet:")),
            change=_amount(row["minor"], code),
            closing=_amount(row.get("closing"), code),
            postings=row["n"],
        )
        for row in changed["rows"]
    )
    return Listing(listed, changed["n"] - len(listed))


def _amount(minor: Any, currency: str) -> Amount:
    """From Decimal128, as the pipelines add, or a stored integer."""
    if minor is None:
        return Amount(0, currency)
    return Amount(int(minor.to_decimal()) if hasattr(minor, "to_decimal") else int(minor), currency)


def events(facets: Facets) -> EventFigures:
    """Counts by source and outcome, by type, and why events were not applied."""
    return EventFigures(
        by_outcome=tuple(
            OutcomeCount(shown(row["_id"]["source"]), row["_id"]["outcome"], row["n"]) for row in facets["outcomes"]
        ),
        by_type=_listing(
            (TypeCount(shown(row["_id"]["source"]), shown(row["_id"]["type"]), row["n"]) for row in facets["types"]),
            facets["types_count"],
        ),
        not_applied=_listing(
            (ReasonCount(row["_id"]["outcome"], shown(row["_id"]["reason"]), row["n"]) for row in facets["reasons"]),
            facets["reasons_count"],
        ),
    )


def _listing(found: Iterable[Any], count: Sequence[Row]) -> Listing[Any]:
    """`count` is the result of `$count`: one row, or none when there was nothing to count."""
    listed = tuple(found)
    return Listing(listed, (count[0]["n"] if count else 0) - len(listed))


def states(facets: Facets) -> Listing[StateCount]:
    return _listing((_state(row) for row in facets["rows"]), facets["count"])


def _state(row: Row) -> StateCount:
    key, currency = row["_id"], row["_id"]["currency"]
    return StateCount(
        kind=shown(key.get("kind")),
        state=shown(key.get("state")),
        objects=row["n"],
        amount=_amount(row["minor"], currency) if currency else None,
        refunded=_amount(row["refunded"], currency) if currency else None,
    )


def refusals(facets: Facets, oldest: Row | None) -> Refusals:
    total = facets["all"][0] if facets["all"] else {"n": 0, "rows": 0}
    listed = tuple(
        RefusalCount(
            source=shown(row["_id"]["source"]),
            reason=shown(row["_id"].get("reason")),
            status=int(row["_id"].get("status") or 0),
            requests=row["n"],
            last_at=row["last_at"],
        )
        for row in facets["rows"]
    )
    return Refusals(Listing(listed, total["rows"] - len(listed)), total["n"], oldest["at"] if oldest else None)


def incidents(facets: Facets) -> Listing[Incident]:
    found = (
        Incident(row["at"], shown(row.get("kind")), shown(row.get("source")), shown(row.get("event_id")))
        for row in facets["rows"]
    )
    return _listing(found, facets["count"])


def open_events(waiting: Sequence[Row], parked: Facets) -> OpenEvents:
    found = (
        ParkedEvent(
            event_id=shown(row["_id"]),
            received_at=row["received_at"],
            **{name: shown(row[name]) for name in ("source", "type", "tx_id", "reason", "awaits")},
        )
        for row in parked["rows"]
    )
    listed = _listing(found, parked["count"])
    return OpenEvents(waiting[0]["n"], waiting[0]["since"], listed) if waiting else OpenEvents(0, None, listed)
