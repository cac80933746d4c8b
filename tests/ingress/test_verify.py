"""The wall, one promise at a time, where a scheme is special or a source has rules of its own. (What holds for every row of the
table is in `test_schemes_refusals`.)"""

import json
import math
from dataclasses import replace
from ipaddress import ip_network

import pytest

from gateway.errors import Refusal, SignatureRefused, TimestampRefused
from gateway.ingress.delivery import Delivery
from gateway.ingress.providers import SCHEMES, Secret, Source
from gateway.ingress.providers.sources import Window, signing_key
from gateway.ingress.verify import verify
from simulators.signing import native_body_form, sign

NOW = 1_763_712_000
WINDOW = Window(past_s=300, future_s=5)
KEY = "whsec_" + "c2VjcmV0LW9mLXRoZS10ZXN0cy0wMTIzNDU2Nzg5"
HEADER_SCHEMES = [name for name, row in SCHEMES.items() if row.signature_headers]


def source_of(scheme: str, *keys: str) -> Source:
    row = SCHEMES[scheme]
    secrets = tuple(Secret(str(n), signing_key(key, row.key_form)) for n, key in enumerate(keys or (KEY,), start=1))
    return Source("tested", row, secrets)


def delivery(headers: dict[str, str] | list[tuple[str, str]], body: bytes = b"{}", *, at: float = NOW) -> Delivery:
    pairs = headers.items() if isinstance(headers, dict) else headers
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs]
    return Delivery("tested", raw, body, at, "192.0.2.1")


def check_of(given: Delivery, source: Source) -> str:
    with pytest.raises(Refusal) as refused:
        verify(given, source, WINDOW)
    return refused.value.check


def test_the_prefix_of_a_native_signature_may_stay_away() -> None:
    """`sha256=` before the hex is what many senders write."""
    headers = sign("native", KEY, b"{}", at=NOW)
    prefixed = {**headers, "X-Signature": "sha256=" + headers["X-Signature"]}
    for each in (headers, prefixed):
        assert verify(delivery(each), source_of("native"), WINDOW).payload == b"{}"


def test_the_svix_names_are_aliases() -> None:
    """The same signature under the older header names."""
    headers = sign("standard-webhooks", KEY, b"{}", at=NOW, message_id="m1")
    renamed = {name.replace("webhook-", "svix-"): value for name, value in headers.items()}
    assert verify(delivery(renamed), source_of("standard-webhooks"), WINDOW).message_id == "m1"


STANDARD = sign("standard-webhooks", KEY, b"{}", at=NOW, message_id="m1")
STRIPE = sign("stripe", KEY, b"{}", at=NOW)["Stripe-Signature"]
NATIVE = sign("native", KEY, b"{}", at=NOW)


@pytest.mark.parametrize(
    ("scheme", "headers", "check"),
    [
        ("native", {"X-Timestamp": str(NOW)}, "signature_missing"),
        ("native", {"X-Signature": NATIVE["X-Signature"]}, "timestamp_missing"),
        ("native", {**NATIVE, "X-Timestamp": "now"}, "timestamp_unreadable"),
        ("native", {**NATIVE, "X-Timestamp": "1" * 14}, "timestamp_unreadable"),
        ("native", {**NATIVE, "X-Timestamp": "+1763712000"}, "timestamp_unreadable"),
        ("native", {**NATIVE, "X-Timestamp": f"{NOW}.0"}, "timestamp_unreadable"),
        ("native", {**NATIVE, "X-Timestamp": "\xb2\xb3"}, "header_not_ascii"),
        ("native", {**NATIVE, "X-Signature": "\xff" * 64}, "header_not_ascii"),
        ("native", {**NATIVE, "X-Signature": "0" * 2_049}, "header_too_long"),
        ("native", {**NATIVE, "X-Signature": "0" * 64}, "signature_wrong"),
        ("native", {**NATIVE, "X-Signature": NATIVE["X-Signature"].upper()}, "signature_malformed"),
        ("native", [*NATIVE.items(), *NATIVE.items()], "header_doubled"),
        ("stripe", {"Stripe-Signature": ""}, "signature_missing"),
        ("stripe", {"Stripe-Signature": ",,,==,"}, "signature_missing"),
        ("stripe", {"Stripe-Signature": f"t={NOW}"}, "signature_missing"),
        ("stripe", {"Stripe-Signature": STRIPE.replace("v1=", "v0=")}, "signature_missing"),
        ("stripe", {"Stripe-Signature": STRIPE.split(",")[1]}, "timestamp_missing"),
        ("stripe", {"Stripe-Signature": f"t={NOW},{STRIPE}"}, "timestamp_missing"),
        ("stripe", {"Stripe-Signature": STRIPE + ",v1=0" * 8}, "signatures_too_many"),
        ("standard-webhooks", {**STANDARD, "webhook-id": ""}, "message_id_missing"),
        ("standard-webhooks", {**STANDARD, "webhook-id": "a.b"}, "message_id_malformed"),
        ("standard-webhooks", {**STANDARD, "webhook-id": "m" * 256}, "message_id_malformed"),
        ("standard-webhooks", {**STANDARD, "webhook-signature": "v2,abc"}, "signature_missing"),
        ("standard-webhooks", {**STANDARD, "webhook-signature": "v1,!!!"}, "signature_malformed"),
        ("razorpay", {}, "signature_missing"),
        ("razorpay", {"X-Razorpay-Signature": "0" * 63}, "signature_malformed"),
    ],
)
def test_each_refusal_has_a_name(scheme: str, headers: dict[str, str] | list[tuple[str, str]], check: str) -> None:
    """For the operator's log; the caller is told 403 or 408 and no more."""
    assert check_of(delivery(headers), source_of(scheme)) == check


def test_an_id_cannot_lend_its_end_to_the_time() -> None:
    """`id.time.body` is signed as one string: an id with a dot in it could be read as another id and time, so none is let in."""
    headers = sign("standard-webhooks", KEY, b"{}", at=NOW, message_id=f"m.{NOW}")
    assert check_of(delivery(headers), source_of("standard-webhooks")) == "message_id_malformed"


FIELDS = {"tx_id": "t1", "amount": "12.30", "currency": "USD", "sender_account": "a", "receiver_account": "b"}


def test_the_body_form_verifies_and_what_is_read_is_what_was_signed() -> None:
    """Time and signature inside the JSON: the payload is the canonical form, without the signature, in sorted order."""
    body = json.dumps(native_body_form(KEY, FIELDS, at=NOW)).encode()
    verified = verify(delivery({}, body), source_of("native"), WINDOW)
    assert list(json.loads(verified.payload)) == sorted([*FIELDS, "timestamp"])
    assert verified.signed_at == NOW


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({"amount": "99.99"}, "signature_wrong"),
        ({"added": 1}, "signature_wrong"),
        ({"timestamp": NOW + 1}, "signature_wrong"),
        ({"timestamp": None}, "timestamp_missing"),
        ({"timestamp": True}, "timestamp_missing"),
        ({"timestamp": 1e12}, "timestamp_missing"),
        ({"timestamp": -5}, "timestamp_unreadable"),
        ({"signature": 5}, "signature_missing"),
        ({"signature": None}, "signature_missing"),
        ({"signature": ""}, "signature_malformed"),
        ({"signature": "é" * 64}, "signature_missing"),
        ({"big": 2**53 + 1}, "body_not_canonical"),
    ],
)
def test_the_body_form_has_the_same_refusals(changed: dict[str, object], check: str) -> None:
    """A field changed, added or of another type is caught like a changed header."""
    body = json.dumps({**native_body_form(KEY, FIELDS, at=NOW), **changed}).encode()
    assert check_of(delivery({}, body), source_of("native")) == check


def test_headers_win_over_the_body_form() -> None:
    """With a signature header the body's own is content like any other, so nobody can choose between two proofs."""
    body = json.dumps(native_body_form(KEY, FIELDS, at=NOW)).encode()
    assert check_of(delivery({**NATIVE}, body), source_of("native")) == "signature_wrong"


def test_only_the_native_scheme_looks_into_the_body() -> None:
    """A provider's body cannot vouch for itself."""
    body = json.dumps(native_body_form(KEY, FIELDS, at=NOW)).encode()
    for scheme in set(HEADER_SCHEMES) - {"native"}:
        assert check_of(delivery({}, body), source_of(scheme)) == "signature_missing"


@pytest.mark.parametrize(
    ("valid_from", "valid_until", "check"),
    [
        (0, math.inf, None),
        (NOW, math.inf, None),
        (0, NOW + 1, None),
        (NOW + 1, math.inf, "secret_not_valid_now"),
        (0, NOW, "secret_not_valid_now"),
        (0, NOW - 86_400, "secret_not_valid_now"),
    ],
)
def test_a_secret_vouches_while_it_is_valid(valid_from: float, valid_until: float, check: str | None) -> None:
    """From its first second to before its last, by the time of arrival; the operator's log tells it from a wrong one."""
    secret = Secret("1", KEY.encode(), valid_from, valid_until)
    source = replace(source_of("native"), secrets=(secret,))
    signed = delivery(sign("native", KEY, b"{}", at=NOW))
    if check is None:
        assert verify(signed, source, WINDOW).secret_id == "1"
    else:
        assert check_of(signed, source) == check
    assert check_of(delivery(sign("native", "another", b"{}", at=NOW)), source) == "signature_wrong"


def test_a_valid_secret_of_the_same_key_wins() -> None:
    """One key may be listed twice with two spans; the one that holds now is named."""
    secrets = (Secret("old", KEY.encode(), 0, NOW - 1), Secret("new", KEY.encode(), NOW - 1))
    source = replace(source_of("native"), secrets=secrets)
    assert verify(delivery(sign("native", KEY, b"{}", at=NOW)), source, WINDOW).secret_id == "new"


def test_a_sources_own_window_counts() -> None:
    """Wider or narrower than the gateway's."""
    for offset_s, own, check in (
        (-600, Window(past_s=900, future_s=0), None),
        (-200, Window(past_s=60, future_s=0), "timestamp_too_old"),
        (2, Window(past_s=60, future_s=0), "timestamp_in_future"),
    ):
        source = replace(source_of("native"), window=own)
        signed = delivery(sign("native", KEY, b"{}", at=NOW + offset_s))
        if check is None:
            assert verify(signed, source, WINDOW).signed_at == NOW + offset_s
        else:
            assert check_of(signed, source) == check


@pytest.mark.parametrize(
    ("remote", "allowed"),
    [
        ("192.0.2.1", True),
        ("192.0.2.255", True),
        ("::ffff:192.0.2.7", True),
        ("2001:db8::5", True),
        ("192.0.3.1", False),
        ("::ffff:192.0.3.1", False),
        ("2001:db9::5", False),
        ("unknown", False),
        ("", False),
        ("192.0.2.1, 192.0.3.1", False),
        ("192.0.2.1%eth0", False),
    ],
)
def test_a_peer_from_elsewhere_is_refused_before_anything_is_read(remote: str, allowed: bool) -> None:
    """Also with a right signature; an address that cannot be read is from elsewhere."""
    source = replace(source_of("native"), networks=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")))
    signed = replace(delivery(sign("native", KEY, b"{}", at=NOW)), remote=remote)
    if allowed:
        assert verify(signed, source, WINDOW).secret_id == "1"
    else:
        assert check_of(signed, source) == "network_not_allowed"
        assert check_of(replace(signed, headers=[]), source) == "network_not_allowed"


def test_an_address_never_stands_in_for_a_signature() -> None:
    """The right network with the wrong signature is refused like any other."""
    source = replace(source_of("native"), networks=(ip_network("192.0.2.0/24"),))
    assert check_of(delivery(sign("native", "another", b"{}", at=NOW)), source) == "signature_wrong"


def test_refusals_for_callers_say_nothing_of_the_check() -> None:
    """One sentence for every signature refusal, one for every timestamp refusal."""
    assert len({str(SignatureRefused(check)) for check in ("signature_wrong", "header_doubled")}) == 1
    assert len({str(TimestampRefused(check)) for check in ("timestamp_too_old", "timestamp_in_future")}) == 1
