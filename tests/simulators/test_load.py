"""The load driver: what it sends is right, what it counts is true. Small real servers stand in for the gateway."""

import asyncio
import base64
import json
import threading
from array import array
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from typing import Any, Literal

import pytest
import typer
import uvicorn
from typer.testing import CliRunner, Result

from gateway.settings import load_settings
from simulators.load.__main__ import main
from simulators.load.backlog import BacklogStuck, drained
from simulators.load.ceiling import build_ceiling
from simulators.load.latency import ordered, percentile_ms
from simulators.load.measure import Comparison, Load, Measurement, Options
from simulators.load.pacing import Steady
from simulators.load.presign import Stock, Traffic
from simulators.load.report import report
from simulators.load.sender import Plan, Sender, SenderFailed, Slice, send
from simulators.load.server import Server

SECRET = "a-secret-of-more-than-24-bytes"
WHSEC = "whsec_" + base64.b64encode(b"k" * 32).decode()

SETTLE_S = 0.1
"""A server sees that its clients are gone, and closes, before its loop ends."""

OPTIONS = Options(seconds=0.6, connections=2)

app = typer.Typer()
app.command()(main)
runner = CliRunner()

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def traffic(source: str = "payments", secret: str = SECRET, wallets: int = 50) -> Traffic:
    return Traffic(source=source, secret=secret, authority="127.0.0.1:1", wallets=wallets, run="run-1")


def slice_at(accepted_per_s: int) -> Slice:
    """A slice of one second in which all was accepted."""
    return Slice(started=0.0, sent=accepted_per_s, answers=Counter({"202": accepted_per_s}), seconds=1.0)


@contextmanager
def asgi_server(app: Any, lifespan: Literal["on", "off"] = "off") -> Iterator[int]:
    """A real uvicorn on a free port, in a thread; gives the port."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan=lifespan, log_level="error", http="httptools"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        sleep(SETTLE_S)
        server.should_exit = True
        thread.join(10)


class Door:
    """An ASGI app that keeps what it was sent and answers with the next of `statuses`, the last one for ever."""

    def __init__(self, *statuses: int, delay_s: float = 0.0) -> None:
        self.statuses = list(statuses)
        self.delay_s = delay_s
        self.bodies: list[bytes] = []
        self.waiting = [40, None, 3, 0]

    async def __call__(self, scope: Any, receive: Any, reply: Any) -> None:
        body = (await receive())["body"]
        status, answer = 200, b""
        if scope["path"] == "/monitoring/health":
            answer = json.dumps({"backlog": self.waiting.pop(0) if self.waiting else 0}).encode()
        else:
            self.bodies.append(body)
            await asyncio.sleep(self.delay_s)
            status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        await reply(
            {"type": "http.response.start", "status": status, "headers": [(b"content-length", b"%d" % len(answer))]}
        )
        await reply({"type": "http.response.body", "body": answer})


def run_sender(
    port: int, *, seconds: float, connections: int = 4, rate: float | None = None, secret: str = SECRET
) -> Slice:
    """A sender in this process, so that a test sees its exceptions."""
    plan = Plan("127.0.0.1", port, traffic(secret=secret), seconds, connections, rate)
    stock = Stock(plan.traffic)
    stock.sign(500)
    return asyncio.run(Sender(plan, stock).run())


def run_against(handler: Handler, *, seconds: float, connections: int, rate: float | None = None) -> Slice:
    """A sender against a raw socket server."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await handler(reader, writer)
        writer.close()

    async def both() -> Slice:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        plan = Plan("127.0.0.1", server.sockets[0].getsockname()[1], traffic(), seconds, connections, rate)
        async with server:
            done = await Sender(plan, Stock(plan.traffic)).run()
            await asyncio.sleep(SETTLE_S)
            return done

    return asyncio.run(both())


class TestPercentiles:
    def test_they_are_latencies_that_occurred(self) -> None:
        """Nearest rank, in milliseconds."""
        ascending = array("d", [n / 1_000 for n in range(1, 101)])
        assert [percentile_ms(ascending, percent) for percent in (50, 95, 99, 100)] == [50.0, 95.0, 99.0, 100.0]

    def test_of_one_every_percentile_is_that_one(self) -> None:
        """No interpolation, no index error."""
        assert percentile_ms(array("d", [0.002]), 99) == percentile_ms(array("d", [0.002]), 1) == 2.0

    def test_of_nothing_there_is_none(self) -> None:
        """A run in which nothing was accepted reports no latency, not zero."""
        assert percentile_ms(array("d"), 50) is None

    def test_the_order_of_arrival_does_not_matter(self) -> None:
        """Replies arrive in any order."""
        assert list(ordered(array("d", [3.0, 1.0, 2.0]))) == [1.0, 2.0, 3.0]


class TestPacing:
    def test_requests_are_due_on_schedule_however_late_it_is(self) -> None:
        """After a stall every request that should have left is due, each with its own time."""
        pacing = Steady(start=100.0, rate=10.0, total=3)
        assert [pacing.due(100.05), pacing.due(100.05)] == [100.0, None]
        assert [pacing.due(107.0), pacing.due(107.0), pacing.due(107.0)] == [100.1, 100.2, None]
        assert pacing.over(107.0)

    def test_a_paced_run_sends_its_number_and_takes_its_time(self) -> None:
        """200 events/s for half a second are 100 events."""
        with asgi_server(Door(202)) as port:
            done = run_sender(port, seconds=0.5, rate=200)
        assert done.sent == done.accepted == 100
        assert 0.48 <= done.seconds < 1.5

    def test_a_slow_server_is_charged_from_the_scheduled_time(self) -> None:
        """One connection, 20 ms an answer, 100 events/s wanted: the queue's wait is in the latencies."""
        with asgi_server(Door(202, delay_s=0.02)) as port:
            done = run_sender(port, seconds=0.5, connections=1, rate=100)
        assert done.sent == 50
        assert max(done.latencies) > 0.3


class TestSender:
    def test_each_connection_has_one_request_in_flight(self) -> None:
        """Eight connections against 50 ms an answer: never more than eight at once, so about 80 in half a second."""
        with asgi_server(Door(202, delay_s=0.05)) as port:
            done = run_sender(port, seconds=0.5, connections=8)
        assert 8 <= done.accepted <= 88
        assert min(done.latencies) > 0.045

    def test_statuses_are_counted_and_only_accepted_ones_timed(self) -> None:
        """A quick refusal does not improve the latencies."""
        with asgi_server(Door(403, 503, 202)) as port:
            done = run_sender(port, seconds=0.3, connections=1)
        assert (done.answers["403"], done.answers["503"]) == (1, 1)
        assert done.accepted == done.sent - 2 == len(done.latencies)

    def test_what_arrives_is_what_was_signed(self) -> None:
        """Bodies arrive whole and distinct."""
        door = Door(202)
        with asgi_server(door) as port:
            done = run_sender(port, seconds=0.3)
        assert len({json.loads(body)["tx_id"] for body in door.bodies}) == len(door.bodies) == done.sent

    def test_connections_are_kept(self) -> None:
        """A new connection per request would measure the handshake."""
        peers = set()

        async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            peers.add(writer.get_extra_info("peername"))
            while await reader.read(65_536):
                writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}")

        done = run_against(keep, seconds=0.2, connections=2)
        assert done.accepted > 20
        assert len(peers) == 2

    def test_an_answer_in_pieces_is_one_answer(self) -> None:
        """Bytes come as the network likes."""

        async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(65_536):
                for piece in (b"HTTP/1.1 202 Acc", b"epted\r\ncontent-len", b"gth: 4\r\n\r\nab", b"cd"):
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.005)

        done = run_against(dribble, seconds=0.2, connections=2)
        assert done.sent == done.accepted > 2

    def test_a_dropped_connection_is_counted_and_replaced(self) -> None:
        """A request without an answer is never silently forgotten."""

        async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(65_536)

        done = run_against(drop, seconds=0.3, connections=1)
        assert done.answers["connection_lost"] == done.sent >= 2

    def test_an_answer_that_is_not_http_ends_the_connection(self) -> None:
        """Garbage is a lost request, not a crash of the sender."""

        async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(65_536)
            writer.write(b"what?\r\n\r\n")
            await reader.read(65_536)

        done = run_against(babble, seconds=0.2, connections=1)
        assert done.answers["connection_lost"] == done.sent >= 1

    def test_a_server_that_closes_after_its_answer_is_asked_again(self) -> None:
        """`Connection: close` costs a reconnect, not an error."""

        async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(65_536)
            writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            await writer.drain()

        done = run_against(once, seconds=0.3, connections=1)
        assert done.sent == done.accepted >= 2

    def test_silence_is_counted_as_no_reply(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The wait for the last answers is bounded."""
        monkeypatch.setattr("simulators.load.sender.REPLY_TIMEOUT_S", 0.2)

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()

        done = run_against(silent, seconds=0.1, connections=3)
        assert done.answers["no_reply"] == done.sent == 3

    def test_it_runs_in_a_process_of_its_own(self) -> None:
        """The record comes back whole, on the clock that both processes share."""
        before = monotonic()
        with asgi_server(Door(202)) as port:
            done = send(Plan("127.0.0.1", port, traffic(), seconds=0.3, connections=2))
        assert done.sent == done.accepted == len(done.latencies) > 0
        assert before < done.started < monotonic()

    def test_nobody_listening_is_a_clear_error(self) -> None:
        """Not a traceback from a child process."""
        with asgi_server(Door(202)) as port:
            pass
        with pytest.raises(SenderFailed, match="cannot connect to 127"):
            send(Plan("127.0.0.1", port, traffic(), seconds=0.1, connections=1))


class TestBacklog:
    def test_it_is_drained_when_nothing_waits(self) -> None:
        """The moment is that of the question that was answered with zero."""
        answers = iter([2_000, 1_000, 0])
        started = monotonic()
        assert drained(lambda: next(answers)) - started >= 0.2

    def test_a_backlog_that_stands_still_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A dead worker ends the wait."""
        monkeypatch.setattr("simulators.load.backlog.STANDSTILL_S", 0.2)
        with pytest.raises(BacklogStuck, match="stands at 5 events"):
            drained(lambda: 5)


class TestMeasurement:
    def measured(self, gateway: Door) -> Measurement:
        with asgi_server(gateway) as port:
            server = Server("127.0.0.1", port, {"payments": SECRET}, api_key="key")
            return Load(OPTIONS, lambda _: None).whole(server)

    def test_insights_per_second_count_the_wait_for_the_last_one(self) -> None:
        """The backlog's end, not the last acknowledgement, ends the measurement."""
        numbers = report(self.measured(Door(202)), OPTIONS)
        assert 0 < numbers["insights_per_s"] <= numbers["accepted_per_s"]
        assert numbers["errors"] == {}

    def test_one_refusal_anywhere_fails_the_run(self) -> None:
        """Also one during the warm-up: an event that should have been accepted was not."""
        seen = self.measured(Door(403, 202))
        assert seen.main.accepted == seen.main.sent
        assert not seen.nothing_lost
        assert report(seen, OPTIONS)["errors"] == {"403": 1}

    def test_an_event_that_was_due_and_never_sent_fails_the_run(self) -> None:
        """An open loop that could not keep its promise did not measure what was asked."""
        kept, broken = Slice(started=0.0), Slice(started=0.0, never_sent=1)
        assert Measurement(kept, [kept]).nothing_lost
        assert not Measurement(broken, [broken]).nothing_lost

    def test_the_ratio_compares_medians(self) -> None:
        """One slice that the machine disturbed does not move it."""
        durable = [slice_at(800), slice_at(750), slice_at(100)]
        ceiling = [slice_at(1_000), slice_at(990), slice_at(2_000)]
        seen = Measurement(durable[0], durable, comparison=Comparison(durable, ceiling))
        assert report(seen, OPTIONS)["ratio"] == 0.75


class TestCeiling:
    def test_it_verifies_like_the_gateway_and_stores_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A signed event is accepted, a forged one refused."""
        monkeypatch.setenv("HMAC_SECRET_KEY", SECRET)
        with asgi_server(build_ceiling(load_settings()), lifespan="on") as port:
            signed = run_sender(port, seconds=0.5, rate=100)
            forged = run_sender(port, seconds=0.5, connections=1, rate=20, secret="another-secret-of-24-bytes-and-more")
        assert signed.accepted == signed.sent > 0
        assert forged.answers["403"] == forged.sent > 0


class TestCommand:
    def test_against_a_running_gateway_it_needs_the_secret(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """One sentence that names the setting, and exit code 1."""
        monkeypatch.delenv("HMAC_SECRET_KEY", raising=False)
        ended = runner.invoke(app, ["--url", "http://127.0.0.1:9"])
        assert ended.exit_code == 1
        assert "HMAC_SECRET_KEY is not set" in ended.stderr

    def test_one_document_with_the_promised_numbers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Against a gateway that accepts everything: exit code 0."""
        ended = self.run_against(Door(202), monkeypatch)
        numbers = json.loads(ended.stdout)
        assert ended.exit_code == 0
        assert {"accepted", "accepted_per_s", "ack_p50_ms", "ack_p95_ms", "ack_p99_ms", "insights_per_s"} <= set(
            numbers
        )

    def test_a_refused_event_is_exit_code_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The numbers are printed all the same."""
        ended = self.run_against(Door(503, 202), monkeypatch)
        assert ended.exit_code == 1
        assert json.loads(ended.stdout)["errors"] == {"503": 1}

    def run_against(self, door: Door, monkeypatch: pytest.MonkeyPatch) -> Result:
        monkeypatch.setenv("HMAC_SECRET_KEY", SECRET)
        monkeypatch.setenv("GATEWAY_API_KEY", "key")
        with asgi_server(door) as port:
            url = f"http://127.0.0.1:{port}"
            return runner.invoke(app, ["--url", url, "--seconds", "0.5", "--concurrency", "2", "--json"])

    @pytest.mark.long
    def test_it_starts_a_gateway_of_its_own_and_takes_it_away_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The real thing, with its ceiling: everything accepted, everything applied, and a ratio."""
        monkeypatch.setenv("MONGO_URL", "mongodb://somebody-elses-database.invalid")
        ended = runner.invoke(app, ["--seconds", "1.5", "--concurrency", "16", "--ceiling", "--json"])
        numbers = json.loads(ended.stdout)
        assert ended.exit_code == 0
        assert numbers["accepted"] == numbers["sent"] > 0
        assert numbers["insights_per_s"] > 0
        assert 0 < numbers["ratio"] < 1.5
