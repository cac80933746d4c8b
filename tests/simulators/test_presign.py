"""What the load driver sends: requests that are signed ahead, as each kind of source signs them."""

import base64
import hashlib
import hmac
import json
from time import time

import pytest

from simulators.load.presign import AGE_MAX_S, Stock, Traffic, request_builder

SECRET = "a-secret-of-more-than-24-bytes"
WHSEC = "whsec_" + base64.b64encode(b"k" * 32).decode()


def traffic(source: str = "payments", secret: str = SECRET, wallets: int = 50) -> Traffic:
    return Traffic(source=source, secret=secret, authority="127.0.0.1:1", wallets=wallets, run="run-1")


def parsed(request: bytes) -> tuple[str, dict[str, str], bytes]:
    """Request line, headers by lower-case name, body."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    return line, {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}, body


def sha256_hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


class TestPresign:
    def test_native_requests_carry_the_signature_of_timestamp_dot_body(self) -> None:
        """The seed's scheme, recomputed here from its description."""
        line, headers, body = parsed(request_builder(traffic())(7, 1_700_000_000))
        expected = sha256_hmac(SECRET.encode(), b"1700000000." + body).hex()
        assert line == "POST /webhooks/payments HTTP/1.1"
        assert (headers["x-timestamp"], headers["x-signature"]) == ("1700000000", expected)

    def test_stripe_requests_carry_a_v1_signature(self) -> None:
        """`t=,v1=` over `t.body`, with the whole secret as key."""
        _, headers, body = parsed(request_builder(traffic("stripe", "whsec_" + "s" * 30))(7, 1_700_000_000))
        expected = sha256_hmac(b"whsec_" + b"s" * 30, b"1700000000." + body).hex()
        assert headers["stripe-signature"] == f"t=1700000000,v1={expected}"

    def test_razorpay_requests_sign_the_body_alone(self) -> None:
        """No time is signed; the body's hash is what makes the event distinct."""
        _, headers, body = parsed(request_builder(traffic("razorpay"))(7, 1_700_000_000))
        assert headers["x-razorpay-signature"] == sha256_hmac(SECRET.encode(), body).hex()

    def test_standard_requests_sign_id_time_and_body_with_the_decoded_key(self) -> None:
        """`v1,<base64>` over `id.timestamp.body`."""
        _, headers, body = parsed(request_builder(traffic("standard", WHSEC))(7, 1_700_000_000))
        message = f"{headers['webhook-id']}.1700000000.".encode() + body
        assert headers["webhook-signature"] == "v1," + base64.b64encode(sha256_hmac(b"k" * 32, message)).decode()

    @pytest.mark.parametrize(("source", "secret"), [("payments", SECRET), ("stripe", SECRET), ("standard", WHSEC)])
    def test_each_request_declares_its_length_and_is_json(self, source: str, secret: str) -> None:
        """A server reads exactly one request from the bytes of one."""
        _, headers, body = parsed(request_builder(traffic(source, secret))(7, 1_700_000_000))
        assert int(headers["content-length"]) == len(body)
        assert json.loads(body)

    def test_the_first_secret_of_a_rotation_signs(self) -> None:
        """A setting may list several; the sender uses one of them."""
        both = request_builder(traffic(secret=f"{SECRET}, an-older-secret-of-24-bytes-and-more"))(1, 1_700_000_000)
        assert both == request_builder(traffic())(1, 1_700_000_000)

    def test_ids_are_distinct_and_begin_with_the_run(self) -> None:
        """Two events of one run, or of two runs, are never the same event."""
        stock = Stock(traffic())
        stock.sign(2_500)
        ids = {json.loads(parsed(stock.take())[2])["tx_id"] for _ in range(2_500)}
        assert len(ids) == 2_500
        assert all(tx_id.startswith("run-1-") for tx_id in ids)

    def test_payer_and_payee_differ_and_stay_among_the_wallets(self) -> None:
        """With two wallets the same pair is hit by every event."""
        build = request_builder(traffic(wallets=2))
        bodies = [json.loads(parsed(build(number, 1))[2]) for number in range(200)]
        pairs = {(body["sender_account"], body["receiver_account"]) for body in bodies}
        assert pairs == {("load-0", "load-1"), ("load-1", "load-0")}

    def test_amounts_vary_and_keep_two_decimals(self) -> None:
        """Plain decimal text, as the native source promises."""
        build = request_builder(traffic())
        amounts = [json.loads(parsed(build(number, 1))[2])["amount"] for number in range(200)]
        assert len(set(amounts)) > 100
        assert all(len(amount.partition(".")[2]) == 2 for amount in amounts)


class TestStock:
    def test_it_signs_one_more_when_it_is_empty(self) -> None:
        """A run longer than its stock goes on."""
        stock = Stock(traffic())
        assert parsed(stock.take())[0].startswith("POST")
        assert stock.waiting == 0

    def test_what_got_too_old_is_dropped_unsent(self) -> None:
        """Nothing is sent that the gateway would have to refuse as stale."""
        now = time()
        stock = Stock(traffic(), wall_clock=lambda: now)
        stock.sign(1_500)
        now += AGE_MAX_S + 1
        assert parsed(stock.take())[1]["x-timestamp"] == str(int(now))
        assert stock.waiting == 0

    def test_waiting_counts_what_is_left(self) -> None:
        """The sender tops up by this number."""
        stock = Stock(traffic())
        stock.sign(1_500)
        stock.take()
        assert stock.waiting == 1_499
