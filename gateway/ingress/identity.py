"""What makes a delivery the same one again: the key of the event, and the hash of what it says.

Two keys, on purpose (see DECISIONS.md): this one names a delivery; what the event does to money has keys of its own in the ledger.
"""

import hashlib
from typing import Final, NamedTuple

import orjson

from gateway.errors import NotJson
from gateway.ingress.delivery import VerifiedDelivery
from gateway.ingress.native import read_native
from gateway.ingress.providers.schemes import Path, Scheme

TEST_TYPE: Final = "gateway.test"
"""The type of an event with which an operator tries a source: stored as any other, and of no concern to anyone."""
_ID_LENGTH_MAX: Final = 255


class Identity(NamedTuple):
    """`event_id` is public and computed from `event_key`, so a duplicate is answered with it before anything is read."""

    event_id: str
    event_key: str
    account: str
    fingerprint: str
    """SHA-256 (hex) of the content that may not change under the same key."""
    type: str
    tx_id: str
    """The id by which people know what the event is about."""


def event_id_of(source: str, account: str, delivered_id: str) -> str:
    """`evt_` and 128 bits of the key's SHA-256: short, unguessable from nothing, the same in every process."""
    return _public_id(f"{source}:{account}:{delivered_id}")


def identify(verified: VerifiedDelivery, scheme: Scheme) -> Identity:
    """Name the event. Raises `NotJson`, and `NotTheShape` for a native body that is not what we promise.

    The id counts only where the signature covers it: Razorpay's id header is unsigned, so its events are named by their content.
    A notification of several items is one event, named by all of them.
    """
    try:
        fields = orjson.loads(verified.payload)
    except orjson.JSONDecodeError:
        raise NotJson("The body is not JSON.") from None
    content, untold = fields, "unknown"
    if scheme.name == "native":
        payment = read_native(fields, verified.payload)
        content = {**fields, "amount": payment.amount_minor}  # 12.3 and "12.30" are the same content
        untold = TEST_TYPE if payment.kind == "test" else "payment"
    told = _told_of(fields, scheme)
    account = _joined([_text_at(each, scheme.account_path) for each in told]) or ""
    delivered_id = (
        verified.message_id
        or _joined([_name(each, scheme.ids) for each in told])
        or f"sha256-{_digest(verified.payload)}"
    )
    event_key = f"{verified.delivery.source}:{account}:{delivered_id}"
    references = (_text_at(told[0], path) for path in scheme.reference_paths)
    return Identity(
        event_id=_public_id(event_key),
        event_key=event_key,
        account=account,
        fingerprint=_content_hash(content, scheme.volatile) or _digest(verified.payload),
        type=_joined([_text_at(each, scheme.type_path) for each in told]) or untold,
        tx_id=next((reference for reference in references if reference), delivered_id),
    )


def _public_id(event_key: str) -> str:
    return "evt_" + _digest(event_key.encode())[:32]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _content_hash(content: object, volatile: tuple[str, ...]) -> str | None:
    """The hash of everything but the volatile fields, whatever their order and spacing; None where nothing is volatile."""
    if not volatile or not isinstance(content, dict):
        return None
    lasting = {name: value for name, value in content.items() if name not in volatile}
    try:
        return _digest(orjson.dumps(lasting, option=orjson.OPT_SORT_KEYS))
    except orjson.JSONEncodeError:  # nested deeper than the writer goes, though the reader went there
        return None


def _told_of(fields: object, scheme: Scheme) -> list[object]:
    """What the delivery tells of: its body, or each item in it. (Items are there: without one nothing was verified.)"""
    if scheme.items is None:
        return [fields]
    list_name, item_name = scheme.items.names
    listed = fields[list_name] if isinstance(fields, dict) else []
    return [item[item_name] for item in listed]


def _name(fields: object, ways: tuple[tuple[Path, ...], ...]) -> str | None:
    """The first way to name it whose places all hold something; None where there is none, or the name would be too long."""
    for places in ways:
        parts = [part for path in places if (part := _text_at(fields, path))]
        if len(parts) == len(places):
            name = ":".join(parts)
            return name if len(name) <= _ID_LENGTH_MAX else None
    return None


def _joined(texts: list[str | None]) -> str | None:
    """The text, or several different ones with a plus between them; None where one is missing or all are too long."""
    if len(texts) == 1:
        return texts[0]
    if not all(texts):
        return None
    joined = "+".join(dict.fromkeys(text for text in texts if text))
    return joined if len(joined) <= _ID_LENGTH_MAX else None


def _text_at(fields: object, path: Path) -> str | None:
    """The printable, bounded text at `path`, or the digits of a whole number; None where there is neither."""
    if not path:
        return None
    for name in path:
        fields = fields.get(name) if isinstance(fields, dict) else None
    if type(fields) is int:
        return str(fields)
    if isinstance(fields, str) and 0 < len(fields) <= _ID_LENGTH_MAX and fields.isprintable():
        return fields
    return None
