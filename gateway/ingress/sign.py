"""The provider's side of each row of the table: signs a body as `verify` will read it, to try a source out.

It composes nothing itself: the headers are written with an empty signature, read by the same reader, and what that says is
covered is signed. So it proves that a source is set up, never that a scheme is understood; the published vectors do that.
"""

from typing import Any, Final

import orjson

from gateway.errors import NotTheShape
from gateway.ingress.claim import claim_in_headers
from gateway.ingress.claim_in_body import claim_in_body
from gateway.ingress.delivery import Delivery
from gateway.ingress.providers.schemes import Layout, Scheme
from gateway.ingress.verify import mac

_UNSIGNED: Final = b"0"


def sign(
    scheme: Scheme, key: bytes, body: bytes, *, at: float, message_id: str = "", url: str = ""
) -> tuple[dict[str, str], bytes]:
    """The headers of a delivery of `body` signed at `at` (unix seconds), and the body, which holds the signatures where the
    scheme puts them there.

    `message_id` and `url` count where the scheme signs them. Raises `NotTheShape` for a body without the items that carry the
    signatures, and `SignatureRefused` for an id that no delivery may have.
    """
    if scheme.items:
        return {}, _with_signed_items(scheme, key, body)
    stamp = str(int(at * scheme.timestamp_per_second)).encode()
    unsigned = _headers(scheme, _UNSIGNED, stamp, message_id.encode())
    claim = claim_in_headers(Delivery("", unsigned, body, at, ""), scheme, url)
    assert claim is not None, "a signature header was written"
    signature = mac(key, claim.proofs[0].message, scheme.encoding)
    signed = _headers(scheme, signature, stamp, message_id.encode())
    return {name.decode(): value.decode() for name, value in signed}, body


def _headers(scheme: Scheme, signature: bytes, stamp: bytes, message_id: bytes) -> list[tuple[bytes, bytes]]:
    if scheme.layout is Layout.FIELDS:
        value = scheme.separator.join((scheme.timestamp_field + b"=" + stamp, scheme.version + b"=" + signature))
    elif scheme.layout is Layout.VERSIONED:
        value = scheme.version + b"," + signature
    else:
        value = scheme.prefix + signature
    headers = [(scheme.signature_headers[0], value)]
    if scheme.timestamp_headers:
        headers.append((scheme.timestamp_headers[0], stamp))
    if scheme.message_id_headers:
        headers.append((scheme.message_id_headers[0], message_id))
    return headers


def _with_signed_items(scheme: Scheme, key: bytes, body: bytes) -> bytes:
    assert scheme.items is not None
    list_name, item_name = scheme.items.names
    try:
        notification = orjson.loads(body)
        items: list[dict[str, Any]] = [wrapped[item_name] for wrapped in notification[list_name]]
        for item in items:
            _put(item, scheme.items.signature, _UNSIGNED)
    except (orjson.JSONDecodeError, TypeError, KeyError, AttributeError):
        raise NotTheShape({"body": f"must be a notification with {list_name}, each with a {item_name}"}) from None
    claim = claim_in_body(orjson.dumps(notification), scheme)
    for item, proof in zip(items, claim.proofs, strict=True):
        _put(item, scheme.items.signature, mac(key, proof.message, scheme.encoding))
    return orjson.dumps(notification)


def _put(item: dict[str, Any], path: tuple[str, ...], signature: bytes) -> None:
    for name in path[:-1]:
        item = item.setdefault(name, {})
    item[path[-1]] = signature.decode()
