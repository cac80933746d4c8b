"""What an operator is told of a captured delivery: let in, or which check refused it and what to do."""

import ast
import base64
import inspect
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from signature_vectors import VECTORS, Vector
from table_deliveries import (
    HEADER_SCHEMES,
    NOW,
    OTHER_KEY,
    TIMED_SCHEMES,
    URL,
    WINDOW,
    good,
    secret_of,
    with_header,
    with_signature,
)

from gateway.ingress import claim, claim_in_body, verify
from gateway.ingress.delivery import Delivery
from gateway.ingress.diagnose import CHECKS, Diagnosis, diagnose
from gateway.ingress.providers import SCHEMES

BODY = b'{"id":"evt_1","name":"\xc3\xbcber/unter","n":[1,2]}'


def told(delivery: Delivery, scheme: str, *secrets: str, url: str = URL) -> Diagnosis:
    found = diagnose(delivery, SCHEMES[scheme], secrets or (secret_of(scheme),), url=url, window=WINDOW)
    assert not any(
        secret in sentence for secret in secrets for sentence in (*found.told, *found.warnings) if len(secret) > 6
    )
    return found


def why(delivery: Delivery, scheme: str, *secrets: str, url: str = URL) -> str:
    found = told(delivery, scheme, *secrets, url=url)
    assert found.check in CHECKS
    return " ".join(found.told)


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_what_the_providers_publish_is_verified(vector: Vector) -> None:
    """With the secret as text, at its time; short secrets get a warning and no refusal."""
    raw = [(name.lower().encode(), value.encode()) for name, value in vector.headers.items()]
    found = told(
        Delivery("captured", raw, vector.body, vector.at or NOW, ""), vector.scheme, vector.secret, url=vector.url
    )
    assert found.check is None
    assert found.told[0] == "Secret 1 has signed it."
    assert len(found.warnings) == (len(vector.key) < 24)


def test_what_is_let_in_is_told_with_secret_time_and_name() -> None:
    """What the stored event would say."""
    found = told(
        good("stripe", b'{"id":"evt_1","type":"charge.paid"}', at=NOW - 3, received_at=NOW),
        "stripe",
        "x" * 30,
        secret_of("stripe"),
    )
    assert found.told == (
        "Secret 2 has signed it.",
        "It was signed at 2025-11-21 07:59:57 UTC, 3 s before its arrival.",
        "The event is named evt_1, its type is charge.paid.",
    )


def test_authentic_and_still_unusable_is_said() -> None:
    """The signature is not all that counts."""
    assert "would still be answered with 400" in " ".join(told(good("stripe", b"no json"), "stripe").told)
    assert "would still be answered with 422" in " ".join(told(good("native", b"{}"), "native").told)


@pytest.mark.parametrize("scheme", HEADER_SCHEMES)
@pytest.mark.parametrize(
    ("sent", "captured", "hint"),
    [
        (BODY, BODY + b"\n", "the line break at the end of the body is left out"),
        (BODY, BODY + b"\r\n", "the line break at the end of the body is left out"),
        (BODY + b"\n", BODY, "a line break is added at the end of the body"),
        (b'{\r\n"id":1}', b'{\n"id":1}', "the lines of the body end in CRLF"),
        (b'{\n"id":1}', b'{\r\n"id":1}', "the lines of the body end in LF"),
        (BODY, b"\xef\xbb\xbf" + BODY, "the byte order mark is left out of the body"),
        (BODY, json.dumps(json.loads(BODY)).encode(), "the body is written without spaces"),
        (json.dumps(json.loads(BODY)).encode(), BODY, "the body is written with a space after : and ,"),
        (json.dumps(json.loads(BODY), ensure_ascii=False).encode(), BODY, "letters beyond ASCII as they are"),
        (json.dumps(json.loads(BODY), separators=(",", ":")).encode(), BODY, "letters beyond ASCII escaped"),
        (BODY.replace(b"/", b"\\/"), BODY, "slashes escaped"),
    ],
)
def test_a_body_that_was_changed_on_the_way_is_recognised(scheme: str, sent: bytes, captured: bytes, hint: str) -> None:
    """Editors add a line break, frameworks parse and write again; the hint says which."""
    explained = why(replace(good(scheme, sent), body=captured), scheme)
    assert "The signature is right when " in explained
    assert hint in explained


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_a_secret_in_the_wrong_form_is_recognised(scheme: str) -> None:
    """Signed with the key in each form, given as the text that a person would paste."""
    text = "c2VjcmV0LW9mLXRoZS10ZXN0cy0wMTIzNDU2Nzg5"
    signed_with = {
        text: (text.encode(), "plain text"),
        f"whsec_{text}": (base64.b64decode(text), "base64 (after whsec_)"),
        "00ff" * 12: (bytes.fromhex("00ff" * 12), "hex digits"),
        "whsec_00ff-00ff-00ff-00ff-00ff": (b"00ff-00ff-00ff-00ff-00ff", "whsec_ is left out"),
    }
    for pasted, (key, hint) in signed_with.items():
        found = told(good(scheme, key=key), scheme, pasted)
        assert found.check is None or hint in " ".join(found.told)


def test_spaces_around_a_secret_are_recognised() -> None:
    """As they come along when a line is copied."""
    assert "spaces around the secret are left out" in why(
        good("stripe", key=b"0123 456 789"), "stripe", " 0123 456 789\n"
    )
    assert "read as base64" in why(good("svix"), "svix", f" {secret_of('svix')}\n")


def test_a_secret_that_cannot_be_read_is_said_and_proves_nothing() -> None:
    """Not even what was signed with no key at all."""
    found = told(good("standard-webhooks", key=b""), "standard-webhooks", "not base64!")
    assert found.check == "signature_wrong"
    assert found.warnings == (
        "Secret 1 is not base64 (after whsec_), which is how standard-webhooks writes its secrets.",
    )


@pytest.mark.parametrize(
    ("given", "real"), [(URL + "/", URL), (URL, URL + "/"), (URL.replace("https", "http"), URL), (URL + "?a=1", URL)]
)
def test_the_address_of_square_is_recognised(given: str, real: str) -> None:
    """A slash, the protocol, a query."""
    assert f"The signature is right when the address is {real}." in why(good("square", url=real), "square", url=given)


def test_square_needs_an_address() -> None:
    """It is part of what is signed."""
    assert "signs the address it posts to" in why(good("square"), "square", url="")


def test_two_mistakes_of_different_kinds_are_recognised() -> None:
    """A framework's body and a secret in another form, at once."""
    signed = good("razorpay", BODY, key=bytes.fromhex("00ff" * 12))
    explained = why(replace(signed, body=BODY + b"\n"), "razorpay", "00ff" * 12)
    assert "the secret is read as hex digits, and the line break at the end of the body is left out" in explained


def test_a_signature_in_upper_case_or_with_strange_surroundings_is_recognised() -> None:
    """Somebody's proxy or somebody's signer."""
    signed = good("razorpay")
    assert "in lower case" in why(with_signature("razorpay", signed, str.upper), "razorpay")
    assert "quotes" in why(with_signature("razorpay", signed, lambda text: f'"{text}"'), "razorpay")
    assert "before the =" in why(with_signature("razorpay", signed, lambda text: f"v1={text}"), "razorpay")


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
def test_what_nothing_explains_is_said_so(scheme: str) -> None:
    """With the two things that are left to try."""
    assert "No usual mistake explains it" in why(good(scheme, key=OTHER_KEY), scheme)


@pytest.mark.parametrize("scheme", TIMED_SCHEMES)
@pytest.mark.parametrize(("age_s", "side"), [(4_000, "before"), (-400, "after")])
def test_a_stale_delivery_is_told_by_how_much(scheme: str, age_s: int, side: str) -> None:
    """And what the window is, and what to do."""
    explained = why(good(scheme, at=NOW - age_s, received_at=NOW), scheme)
    assert f"{abs(age_s)} s {side} its arrival" in explained
    assert "300 s before the arrival and 5 s after it" in explained
    assert "clocks" in explained


@pytest.mark.parametrize("scheme", TIMED_SCHEMES)
def test_milliseconds_and_seconds_are_told_apart(scheme: str) -> None:
    """In either direction."""
    if SCHEMES[scheme].timestamp_per_second == 1:
        assert "divide by 1000" in why(good(scheme, at=NOW * 1_000, received_at=NOW), scheme)
    else:
        seconds = with_header(good(scheme), SCHEMES[scheme].timestamp_headers[0], str(NOW).encode())
        assert "signs milliseconds" in why(seconds, scheme)


def test_another_schemes_header_is_recognised() -> None:
    """A delivery of GitHub under the scheme of Stripe."""
    explained = why(good("github"), "stripe")
    assert "stripe signs in the header stripe-signature." in explained
    assert "The header x-hub-signature-256 is there: the scheme may be github." in explained


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({b"webhook-id": b""}, "message_id_missing"),
        ({b"webhook-id": b"a.b"}, "message_id_malformed"),
        ({b"webhook-timestamp": b"soon"}, "timestamp_unreadable"),
        ({b"webhook-timestamp": None}, "timestamp_missing"),
        ({b"webhook-signature": b"v1,AAAA " * 9}, "signatures_too_many"),
        ({b"webhook-signature": b"v1," + b"A" * 3_000}, "header_too_long"),
        ({b"webhook-signature": b"\xff"}, "header_not_ascii"),
    ],
)
def test_every_refusal_has_a_sentence(change: dict[bytes, Any], check: str) -> None:
    """For whatever is missing or malformed."""
    delivery = good("standard-webhooks")
    for name, value in change.items():
        delivery = with_header(delivery, name, value)
    found = told(delivery, "standard-webhooks")
    assert found.check == check
    assert found.told[0] == CHECKS[check]


def test_nothing_that_arrives_breaks_it() -> None:
    """Bodies of any kind, headers of any bytes, for every scheme: a diagnosis, never an error."""
    for scheme in SCHEMES:
        for body in (
            b"",
            b"\xff",
            b"[" * 3_000,
            b'{"notificationItems":[]}',
            b'{"signature":"x"}',
            b'{"signature":"0","timestamp":1}',
        ):
            for headers in (
                [],
                [(b"x-signature", b"\xff")],
                list(good(scheme).headers) * 2,
                list(good(scheme).headers),
            ):
                found = diagnose(
                    Delivery("captured", headers, body, NOW, ""), SCHEMES[scheme], ("s",), url="", window=WINDOW
                )
                assert found.check in CHECKS


def test_no_secret_and_no_warning_for_a_good_one() -> None:
    """Without a secret nothing is verified."""
    assert diagnose(good("stripe"), SCHEMES["stripe"], (), url="", window=WINDOW).check == "signature_wrong"
    assert told(good("stripe"), "stripe").warnings == ()


def test_each_check_of_the_wall_has_a_sentence() -> None:
    """Read from the code that refuses; what a captured delivery cannot fail by is the source's own."""
    named = set()
    for module in (claim, claim_in_body, verify):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named |= set(
                    re.findall(
                        r"^(?:signatures?|timestamp|header|message_id|items?|body|network|secret)_[a-z_]+$", node.value
                    )
                )
    assert named - CHECKS.keys() == {"network_not_allowed", "secret_not_valid_now"}
    assert CHECKS.keys() <= named


@pytest.mark.parametrize("depth", [200, 300, 1_000])
def test_a_body_that_is_nested_deeper_than_can_be_written_is_explained(depth: int) -> None:
    """The door takes it for what its bytes say, so who asks why it was refused gets an answer as well."""
    delivery = good("github", b'{"a":' + b"[" * depth + b"]" * depth + b"}")
    assert why(delivery, "github", OTHER_KEY.decode())
