"""What is let in and what is refused, row by row of the table: each test runs for every scheme it concerns."""

import base64
from collections.abc import Callable
from dataclasses import replace

import pytest
from table_deliveries import (
    HEADER_SCHEMES,
    NOW,
    OTHER_KEY,
    TIMED_SCHEMES,
    URL,
    WINDOW,
    good,
    header_of,
    key_of,
    signature_of,
    source_of,
    with_header,
    with_signature,
)

from gateway.errors import Refusal
from gateway.ingress.delivery import Delivery
from gateway.ingress.providers import SCHEMES, Secret
from gateway.ingress.providers.schemes import Encoding, Layout
from gateway.ingress.verify import verify

each_scheme = pytest.mark.parametrize("scheme", sorted(SCHEMES))
each_header_scheme = pytest.mark.parametrize("scheme", HEADER_SCHEMES)
each_timed_scheme = pytest.mark.parametrize("scheme", TIMED_SCHEMES)
each_scheme_of_several = pytest.mark.parametrize(
    "scheme", [name for name, row in sorted(SCHEMES.items()) if row.layout is not Layout.BARE]
)
each_fields_scheme = pytest.mark.parametrize(
    "scheme", [name for name, row in sorted(SCHEMES.items()) if row.layout is Layout.FIELDS]
)


def check_of(delivery: Delivery, scheme: str, **source: object) -> str:
    with pytest.raises(Refusal) as refused:
        verify(delivery, source_of(scheme, **source), WINDOW)
    return refused.value.check


def is_let_in(delivery: Delivery, scheme: str) -> bool:
    return verify(delivery, source_of(scheme), WINDOW).secret_id == "1"


def with_value(scheme: str, value: bytes, *more: bytes) -> Delivery:
    return with_header(good(scheme), SCHEMES[scheme].signature_headers[0], value, *more)


def signature_value(scheme: str) -> bytes:
    return header_of(good(scheme), SCHEMES[scheme].signature_headers[0])


@each_scheme
def test_a_signed_delivery_is_let_in(scheme: str) -> None:
    """The table and the signer agree; that they are right is for the published vectors to say."""
    assert is_let_in(good(scheme), scheme)


@each_scheme
def test_another_key_is_refused(scheme: str) -> None:
    """Whatever else is right."""
    assert check_of(good(scheme, key=OTHER_KEY), scheme) == "signature_wrong"


@each_scheme
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + "0",
        lambda text: text[: len(text) // 2],
        lambda text: "!" * len(text),
        lambda text: "%" + text[1:],
        lambda text: text[0] + " " + text[2:],
        lambda text: f"0x{text}",
    ],
    ids=["cut", "longer", "half", "punctuation", "one letter", "a space inside", "0x"],
)
def test_a_badly_encoded_signature_is_named_so(scheme: str, change: Callable[[str], str]) -> None:
    """Nothing of it is decoded leniently: the wrong length or a letter outside the alphabet is malformed."""
    assert check_of(with_signature(scheme, good(scheme), change), scheme) == "signature_malformed"


@each_scheme
def test_the_other_encoding_is_malformed(scheme: str) -> None:
    """The right MAC as base64 where hex is written, or the other way round."""

    def other(text: str) -> str:
        if SCHEMES[scheme].encoding is Encoding.HEX:
            return base64.b64encode(bytes.fromhex(text)).decode()
        return base64.b64decode(text).hex()

    assert check_of(with_signature(scheme, good(scheme), other), scheme) == "signature_malformed"


@each_scheme
def test_each_signature_has_one_spelling(scheme: str) -> None:
    """Hex in upper case is malformed, since no provider writes it; base64 in another case is another signature."""
    spelled = with_signature(scheme, good(scheme), str.swapcase)
    wanted = "signature_malformed" if SCHEMES[scheme].encoding is Encoding.HEX else "signature_wrong"
    assert check_of(spelled, scheme) == wanted


@each_scheme
def test_base64_keeps_its_padding_and_alphabet(scheme: str) -> None:
    """Without `=`, or with the alphabet of URLs, it is not what the provider writes."""
    if SCHEMES[scheme].encoding is Encoding.BASE64:
        for change in (lambda text: text.rstrip("="), lambda text: "-_" + text[2:]):
            assert check_of(with_signature(scheme, good(scheme), change), scheme) == "signature_malformed"


@each_header_scheme
def test_without_its_header_nothing_is_signed(scheme: str) -> None:
    """Left out, empty, or under a name of another scheme."""
    header = SCHEMES[scheme].signature_headers[0]
    assert check_of(with_header(good(scheme), header, None), scheme) == "signature_missing"
    assert check_of(with_header(good(scheme), header, b"  "), scheme) == "signature_missing"
    renamed = [(b"x-" + name, value) for name, value in good(scheme).headers]
    assert check_of(replace(good(scheme), headers=renamed), scheme) == "signature_missing"


@each_header_scheme
def test_a_doubled_header_is_refused(scheme: str) -> None:
    """Even with the right value twice: nobody may choose which of two counts."""
    value = signature_value(scheme)
    assert check_of(with_value(scheme, value, value), scheme) == "header_doubled"
    assert check_of(with_value(scheme, value, b"0"), scheme) == "header_doubled"


@each_header_scheme
def test_strange_and_huge_headers_are_refused_by_name(scheme: str) -> None:
    """Bytes above 127, and more than any provider writes."""
    assert check_of(with_value(scheme, b"\xff" * 64), scheme) == "header_not_ascii"
    assert check_of(with_value(scheme, signature_value(scheme) + "٣".encode()), scheme) == "header_not_ascii"
    assert check_of(with_value(scheme, b"0" * 2_049), scheme) == "header_too_long"


@each_header_scheme
def test_space_around_a_value_is_no_part_of_it(scheme: str) -> None:
    """As HTTP says (RFC 9110, 5.5)."""
    assert is_let_in(with_value(scheme, b" " + signature_value(scheme) + b"\t"), scheme)


@each_header_scheme
def test_the_body_is_signed_to_its_last_byte(scheme: str) -> None:
    """Longer, shorter, empty, or with other spacing."""
    signed = good(scheme, b'{"id":"evt_1"}')
    for body in (b'{"id":"evt_1"}\n', b'{"id":"evt_1"', b"", b'{"id": "evt_1"}', b'\xef\xbb\xbf{"id":"evt_1"}'):
        assert check_of(replace(signed, body=body), scheme) == "signature_wrong"


@each_header_scheme
def test_an_address_counts_only_where_it_is_signed(scheme: str) -> None:
    """Square signs where it posts to; to the byte."""
    for url in (URL + "/", URL.replace("https", "http"), "", "https://pay.example:443/webhooks/tested"):
        if SCHEMES[scheme].signs_url:
            assert check_of(good(scheme, url=url), scheme) == "signature_wrong"
        else:
            assert is_let_in(good(scheme, url=url), scheme)


@each_scheme_of_several
def test_of_several_signatures_one_right_is_enough(scheme: str) -> None:
    """A provider that rotates its key signs with both; its place does not matter, a version we do not know is ignored."""
    row = SCHEMES[scheme]
    right = signature_of(scheme, good(scheme))
    wrong = signature_of(scheme, good(scheme, key=OTHER_KEY))
    for signatures in ((right, wrong), (wrong, right), (wrong, "0", right), ("", right)):
        assert is_let_in(several(scheme, [(row.version.decode(), text) for text in signatures]), scheme)
    assert is_let_in(several(scheme, [("v9", wrong), (row.version.decode(), right)]), scheme)
    assert check_of(several(scheme, [("v9", right)]), scheme) == "signature_missing"
    assert check_of(several(scheme, [(row.version.decode(), wrong)] * 8), scheme) == "signature_wrong"
    assert check_of(several(scheme, [(row.version.decode(), right)] * 9), scheme) == "signatures_too_many"


def several(scheme: str, signatures: list[tuple[str, str]]) -> Delivery:
    row = SCHEMES[scheme]
    if row.layout is Layout.VERSIONED:
        value = " ".join(f"{version},{text}" for version, text in signatures)
    else:
        fields = [(row.timestamp_field.decode(), str(NOW)), *signatures]
        value = row.separator.decode().join(f"{name}={text}" for name, text in fields)
    return with_value(scheme, value.encode())


@each_header_scheme
def test_where_one_signature_is_written_two_are_malformed(scheme: str) -> None:
    """Joined by a comma or a space, as some proxies join doubled headers."""
    if SCHEMES[scheme].layout is Layout.BARE:
        for joint in (b",", b", ", b" ", b";"):
            value = signature_value(scheme)
            assert check_of(with_value(scheme, value + joint + value), scheme) == "signature_malformed"


@each_fields_scheme
def test_the_order_of_fields_is_free(scheme: str) -> None:
    """Signature before time, fields nobody knows, empty ones, spaces around."""
    separator = SCHEMES[scheme].separator
    fields = signature_value(scheme).split(separator)
    for order in (fields[::-1], [*fields, b"x=1"], [b"", *fields, b"="], [b" " + field for field in fields]):
        assert is_let_in(with_value(scheme, separator.join(order)), scheme)


@each_fields_scheme
def test_a_doubled_time_is_no_time(scheme: str) -> None:
    """Nobody may choose which of two was signed, also when they are the same."""
    separator = SCHEMES[scheme].separator
    stamp, signature = signature_value(scheme).split(separator)
    for fields in ([stamp, stamp, signature], [stamp, signature, SCHEMES[scheme].timestamp_field + b"=1"], [signature]):
        assert check_of(with_value(scheme, separator.join(fields)), scheme) == "timestamp_missing"


@each_timed_scheme
@pytest.mark.parametrize(
    ("age_s", "check"),
    [
        (300, None),
        (-5, None),
        (301, "timestamp_too_old"),
        (-6, "timestamp_in_future"),
        (86_400 * 365, "timestamp_too_old"),
    ],
)
def test_the_window_has_two_sides(scheme: str, age_s: int, check: str | None) -> None:
    """300 s back and 5 s ahead are fresh to the second; beyond them it is stale, or from the future."""
    delivery = good(scheme, at=NOW - age_s, received_at=NOW)
    if check is None:
        assert verify(delivery, source_of(scheme), WINDOW).signed_at == NOW - age_s
    else:
        assert check_of(delivery, scheme) == check


@each_timed_scheme
@pytest.mark.parametrize(
    ("stamp", "check"),
    [
        (b"", "timestamp_missing"),
        (b"now", "timestamp_unreadable"),
        (b"+1763712000", "timestamp_unreadable"),
        (b"-1763712000", "timestamp_unreadable"),
        (b"1763712000.0", "timestamp_unreadable"),
        (b"1763712000 0", "timestamp_unreadable"),
        (b"1_763_712_000", "timestamp_unreadable"),
        (b"1" * 14, "timestamp_unreadable"),
    ],
)
def test_a_time_is_digits(scheme: str, stamp: bytes, check: str) -> None:
    """1 to 13 of them and nothing else, whatever a lenient parser would make of it."""
    row = SCHEMES[scheme]
    delivery = good(scheme)
    if row.timestamp_headers:
        assert check_of(with_header(delivery, row.timestamp_headers[0], stamp), scheme) == check
    else:
        signature = row.version + b"=" + signature_of(scheme, delivery).encode()
        assert (
            check_of(with_value(scheme, row.separator.join((row.timestamp_field + b"=" + stamp, signature))), scheme)
            == check
        )


@each_timed_scheme
def test_a_time_of_the_other_unit_is_not_believed(scheme: str) -> None:
    """Milliseconds where seconds are meant lie in the future; seconds where milliseconds are meant are too short: with nothing
    between time and body, their border is known by the length alone."""
    row = SCHEMES[scheme]
    if row.timestamp_per_second == 1:
        assert check_of(good(scheme, at=NOW * 1_000, received_at=NOW), scheme) == "timestamp_in_future"
    else:
        with pytest.raises(Refusal) as refused:
            good(scheme, at=NOW / 1_000)
        assert refused.value.check == "timestamp_unreadable"


@each_scheme
def test_the_secret_that_matched_is_named(scheme: str) -> None:
    """While a secret rotates both verify, and the result says which did."""
    secrets = (Secret("new", OTHER_KEY), Secret("old", key_of(scheme)))
    assert verify(good(scheme), source_of(scheme, secrets=secrets), WINDOW).secret_id == "old"
    assert verify(good(scheme, key=OTHER_KEY), source_of(scheme, secrets=secrets), WINDOW).secret_id == "new"


@each_scheme
def test_without_secrets_nothing_is_let_in(scheme: str) -> None:
    """A source whose secrets were all taken away fails closed."""
    assert check_of(good(scheme), scheme, secrets=()) == "signature_wrong"
