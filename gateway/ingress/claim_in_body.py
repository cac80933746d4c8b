"""What a delivery says about itself where the signature sits inside its JSON: parsed first, so only what is signed is kept.

The payload of such a claim is written anew from the signed fields. What was not covered by the signature is not in it, and
two bodies that differ only there have one payload.
"""

from typing import Any

import orjson
import rfc8785

from gateway.errors import SignatureRefused
from gateway.ingress.claim import SIGNATURES_MAX, Claim, Proof, unix_s
from gateway.ingress.providers.schemes import Items, Path, Scheme


def claim_in_body(body: bytes, scheme: Scheme) -> Claim:
    """The claim of a delivery without a signature header. Raises `SignatureRefused` and `TimestampRefused`."""
    if scheme.items is None and not scheme.body_form:
        raise SignatureRefused("signature_missing")
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise SignatureRefused("signature_missing") from None
    if not isinstance(fields, dict):
        raise SignatureRefused("signature_missing")
    return _claim_of_items(fields, scheme.items) if scheme.items else _canonical_claim(fields, scheme)


def _canonical_claim(fields: dict[str, Any], scheme: Scheme) -> Claim:
    """The native form whose time and signature sit in the JSON: signed over time, a dot and the rest in RFC 8785 form."""
    signature = fields.pop("signature", None)
    if not isinstance(signature, str) or not signature.isascii():
        raise SignatureRefused("signature_missing")
    stamp = fields.get("timestamp")
    digits = str(stamp).encode() if isinstance(stamp, int | str) and not isinstance(stamp, bool) else None
    signed_at = unix_s(digits, scheme)
    try:
        canonical = rfc8785.dumps(fields)
    except (rfc8785.CanonicalizationError, RecursionError, UnicodeEncodeError):
        raise SignatureRefused("body_not_canonical") from None
    proof = Proof(b"".join((digits or b"", b".", canonical)), [signature.removeprefix("sha256=").encode()])
    return Claim((proof,), canonical, signed_at, None)


def _claim_of_items(fields: dict[str, Any], items: Items) -> Claim:
    """A proof for every item; the payload holds the signed fields of each and nothing else.

    The items stand there once each and in one order: nobody makes another payload by listing them twice or the other way round.
    """
    list_name, item_name = items.names
    listed = fields.get(list_name)
    if not isinstance(listed, list) or not listed:
        raise SignatureRefused("items_missing")
    if len(listed) > SIGNATURES_MAX:
        raise SignatureRefused("signatures_too_many")
    proofs: list[Proof] = []
    kept: dict[bytes, dict[str, Any]] = {}
    for wrapped in listed:
        item = wrapped.get(item_name) if isinstance(wrapped, dict) else None
        if not isinstance(item, dict):
            raise SignatureRefused("item_malformed")
        signature = _at(item, items.signature)
        if not isinstance(signature, str) or not signature:
            raise SignatureRefused("signature_missing")
        if not signature.isascii():
            raise SignatureRefused("signature_malformed")
        texts = [_signed_text(item, path, items) for path in items.signed]
        message = ":".join(texts).encode()
        proofs.append(Proof(message, [signature.encode()]))
        kept[message] = {item_name: _item_of(texts, items)}
    payload = {list_name: [kept[message] for message in sorted(kept)]}
    return Claim(tuple(proofs), orjson.dumps(payload), None, None)


def _signed_text(item: dict[str, Any], path: Path, items: Items) -> str:
    """The field as it is signed: nothing for what is absent, a number's digits, true or false."""
    value = _at(item, path)
    if value is None:
        return ""
    if path in items.numbers:
        if type(value) is not int:
            raise SignatureRefused("item_malformed")
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str) or (":" in value and path != items.free_text):
        raise SignatureRefused("item_malformed")
    return value


def _item_of(texts: list[str], items: Items) -> dict[str, Any]:
    """The item again from nothing but what was signed: one text of the signed bytes, one item."""
    item: dict[str, Any] = {}
    for path, text in zip(items.signed, texts, strict=True):
        inner = item
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        if text:
            inner[path[-1]] = int(text) if path in items.numbers else text
    return item


def _at(fields: Any, path: Path) -> Any:
    for name in path:
        fields = fields.get(name) if isinstance(fields, dict) else None
    return fields
