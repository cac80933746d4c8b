"""Attacks from inside: the sender has the secret, and the content is poison. Also bodies that are no JSON at all."""

import json
from typing import Any, Final

from simulators.attacks.attack import DRILL, Attack, Target
from simulators.http import Reply
from simulators.signing import native_body_form


def _fields(target: Target, **changes: Any) -> dict[str, Any]:
    fields = {
        "tx_id": target.unique("tx"),
        "amount": "1.00",
        "currency": "USD",
        "sender_account": DRILL.owner,
        "receiver_account": DRILL.merchants[0],
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not _LEFT_OUT}


_LEFT_OUT: Final = object()


def poisoned(name: str, tries: str, *expects: int, **changes: Any) -> Attack:
    """A native payment with `changes`, validly signed."""

    async def send(target: Target) -> Reply:
        body = json.dumps(_fields(target, **changes)).encode()
        return await target.post("payments", body, target.signed("payments", body))

    return Attack("content", name, tries, expects or (422,), send)


def raw(name: str, tries: str, body: bytes, *expects: int, media_type: str = "application/json") -> Attack:
    """These very bytes, validly signed."""

    async def send(target: Target) -> Reply:
        return await target.post("payments", body, target.signed("payments", body), media_type=media_type)

    return Attack("content", name, tries, expects or (400,), send)


def _in_amount(name: str, tries: str, literal: str, *expects: int) -> Attack:
    """A payment whose amount is `literal`, unquoted, as no JSON writer would put it."""

    async def send(target: Target) -> Reply:
        body = json.dumps(_fields(target, amount="@")).replace('"@"', literal).encode()
        return await target.post("payments", body, target.signed("payments", body))

    return Attack("content", name, tries, expects or (400, 422), send)


async def _tampered_body_form(target: Target) -> Reply:
    signed = native_body_form(target.secrets["payments"], _fields(target), at=target.now())
    return await target.post("payments", json.dumps(signed | {"amount": "900.00"}).encode(), [])


async def _poisoned_stripe_id(target: Target) -> Reply:
    event = json.loads(target.event("stripe").body) | {"id": {"$gt": ""}}
    body = json.dumps(event).encode()
    return await target.post("stripe", body, target.signed("stripe", body))


async def _nested_unsigned(target: Target) -> Reply:
    return await target.post("payments", b"[" * 50_000, [])


async def _amount_twice(target: Target) -> Reply:
    """One key, two values: whoever checks reads one, whoever books reads the other."""
    body = json.dumps(_fields(target)).replace('"amount": "1.00"', '"amount": "1.00", "amount": "900.00"').encode()
    return await target.post("payments", body, target.signed("payments", body))


_JSON: Final = b'{"tx_id": "tx_drill", "amount": "1.00"}'

CONTENT_ATTACKS: Final = (
    poisoned("negative amount", "takes money instead of giving it", amount="-1.00"),
    poisoned("zero amount", "a payment of nothing", amount="0"),
    poisoned("NaN", "compares false with everything", amount="NaN"),
    poisoned("1e400", "larger than any float", amount="1e400"),
    poisoned("too many decimals", "a tenth of a cent", amount="1.001"),
    poisoned("decimals of a yen", "JPY has none", amount="1.5", currency="JPY"),
    poisoned("nine thousand digits", "slow to convert", amount="9" * 9_000),
    poisoned("full-width digits", "int() reads them", amount="１２"),
    poisoned("underscores in the amount", "Decimal() reads them", amount="1_000"),
    poisoned("comma as a decimal point", "1,00 is how much?", amount="1,00"),
    poisoned("true as an amount", "a bool is an int in Python", amount=True),
    poisoned("operator as an amount", "a query, not a number", amount={"$gt": 0}),
    _in_amount("literal NaN", "which JSON does not have", "NaN"),
    _in_amount("literal Infinity", "which JSON does not have", "Infinity"),
    _in_amount("literal 1e400", "becomes infinite as a float", "1e400"),
    _in_amount("literal of five thousand digits", "slow to convert", "9" * 5_000),
    _in_amount("leading zeros", "octal to some", "007"),
    _in_amount("hex literal", "a number to some", "0x10"),
    _in_amount("minus nothing", "a zero that is less than zero", "-0"),
    _in_amount("a thousand lists as an amount", "recursion in a known field", "[" * 1_000 + "]" * 1_000),
    poisoned("operator as tx_id", "NoSQL injection", tx_id={"$gt": ""}),
    poisoned("operator as sender", "NoSQL injection", sender_account={"$ne": None}),
    poisoned("empty tx_id", "one id for everything", tx_id=""),
    poisoned("list as tx_id", "one id or several?", tx_id=["a", "b"]),
    poisoned("number as tx_id", '1 and "1" are different keys', tx_id=1),
    poisoned("regular expression as sender", "NoSQL injection", sender_account={"$regex": ".*"}),
    poisoned("code as receiver", "NoSQL injection", receiver_account={"$where": "sleep(10000)"}),
    poisoned("prototype as a field", "pollutes objects elsewhere", 202, 422, **{"__proto__": {"admin": True}}),
    poisoned("operator as a field", "a query among the fields", 202, 422, **{"$set": {"balance": 1}}),
    poisoned("dotted field", "a path to some stores", 202, 422, **{"amount.minor": 1}),
    poisoned("right-to-left override", "shows another name than it is", sender_account="drill\u202eecila"),
    poisoned("NUL in tx_id", "ends a C string", tx_id="tx\x00drill"),
    poisoned("CRLF in tx_id", "would split a header or a log line", tx_id="tx\r\nX-Admin: yes"),
    poisoned("CRLF in an account", "would split a log line", sender_account="a\r\nb"),
    poisoned("escape codes in an account", "would repaint a terminal", receiver_account="a\x1b[2Jb"),
    poisoned("endless tx_id", "100,000 characters as a key", tx_id="x" * 100_000),
    poisoned("no currency", "a field left out", currency=_LEFT_OUT),
    poisoned("unknown currency", "not in ISO 4217", currency="ZZZ"),
    poisoned("gold", "a currency code without minor units", currency="XAU"),
    poisoned("lone surrogate", "no UTF-8 for it", 400, 422, tx_id="\ud800"),
    raw("array at the top", "not an object", b"[]", 422),
    raw("empty body", "signed, and nothing in it", b""),
    raw("not JSON", "signed, and not JSON", b"amount=1.00&currency=USD"),
    raw("two JSONs", "one behind the other", _JSON + _JSON),
    raw("not UTF-8", "a byte that starts nothing", b'{"tx_id": "\xff"}'),
    raw("UTF-16", "JSON in another encoding", _JSON.decode().encode("utf-16")),
    raw("byte order mark", "three bytes before the JSON", b"\xef\xbb\xbf" + _JSON),
    raw("UTF-16 without a mark", "NULs between the letters", _JSON.decode().encode("utf-16-le")),
    raw("UTF-7", "brackets in disguise", b"+AHs-+AH0-"),
    raw("overlong UTF-8", "a slash in two bytes", b'{"tx_id": "\xc0\xaf"}'),
    raw("surrogates in UTF-8", "CESU-8", b'{"tx_id": "\xed\xa0\x80"}'),
    raw("comment", "JavaScript, not JSON", b'{"tx_id": "tx" /* amount */}'),
    raw("single quotes", "Python, not JSON", b"{'tx_id': 'tx'}"),
    raw("string at the top", "valid JSON, no object", b'"tx_drill"', 422),
    raw("null at the top", "valid JSON, nothing in it", b"null", 422),
    raw("multipart", "a form's media type", _JSON, 415, media_type="multipart/form-data; boundary=x"),
    raw("merge-patch", "JSON of another kind", _JSON, 415, media_type="application/merge-patch+json"),
    raw("deep nesting, signed", "fifty thousand brackets", b"[" * 50_000),
    raw("form", "a form's media type", b"amount=1", 415, media_type="application/x-www-form-urlencoded"),
    raw("plain text", "JSON called text", _JSON, 415, media_type="text/plain"),
    Attack("content", "deep nesting, unsigned", "reaches a parser before the check?", (403, 408), _nested_unsigned),
    Attack("content", "amount twice", "two readers would book two amounts; here one reads", (202,), _amount_twice),
    Attack("content", "body form: tampered", "the amount raised after signing", (403,), _tampered_body_form),
    Attack("content", "stripe: operator as id", "kept, never run", (202, 400, 422), _poisoned_stripe_id, ("stripe",)),
)
