"""Real `gateway work` processes on a database of the test's own: found by their lease, killed and paused at named points."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from booked_store import Document
from pymongo import MongoClient
from running_gateway import environment, until

from simulators.crash.control import Control
from simulators.crash.processes import injected
from simulators.crash.run import POINTS

LEASE_S: Final = 1.0
SETTLED_S_MAX: Final = 20.0


class Workers:
    """One holds the lease, the others stand by."""

    def __init__(self, folder: Path, uri: str, database: str) -> None:
        (folder / "control").mkdir()
        self.control = Control(folder / "control")
        self.log = folder / "workers.log"
        self._client: MongoClient[dict[str, Any]] = MongoClient(uri, tz_aware=True, timeoutMS=20_000)
        self.rows = self._client[database]
        self._environment = environment(
            MONGO_URL=uri,
            MONGO_DATABASE=database,
            MONGO_TIMEOUT_MS="2000",
            LEASE_S=str(LEASE_S),
            APPLY_BATCH_MAX="10",
            AUDIT_EVERY_S="0",
            ENCRYPTION_KEY=os.environ["ENCRYPTION_KEY"],
            **injected(folder / "control", [POINTS]),
        )
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> int:
        with self.log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "work"],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._processes.append(process)
        return process.pid

    def writer(self) -> int | None:
        """The pid of the lease's holder."""
        lease = self.rows["leases"].find_one({"_id": "writer"})
        return int(lease["holder"].split(":")[1]) if lease and lease["holder"] else None

    def take_turns(self) -> None:
        """Afterwards each of the two has had the lease, so whoever has not is known to stand by."""
        first = self.writer()
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        until(lambda: self.writer() != first, within_s=30, what="the standby has the lease")
        os.kill(first, signal.SIGCONT)

    def epoch(self) -> int:
        lease = self.rows["leases"].find_one({"_id": "writer"})
        assert lease is not None
        return int(lease["epoch"])

    def store(self, events: Sequence[Document]) -> None:
        """As web processes do."""
        self.rows["events"].insert_many(events)

    def settle(self) -> None:
        """Wait until every stored event has an outcome."""
        waiting = {"outcome": {"$exists": False}}
        until(lambda: self.rows["events"].count_documents(waiting) == 0, within_s=SETTLED_S_MAX, what="all are settled")

    def balance(self, wallet: str) -> int:
        found = self.rows["wallets"].find_one({"_id": f"INR:{wallet}"})
        return int(found["balance_minor"]) if found else 0

    def outcomes(self) -> dict[str, int]:
        """How many events ended how."""
        found = self.rows["events"].aggregate([{"$group": {"_id": "$outcome", "count": {"$sum": 1}}}])
        return {row["_id"]: row["count"] for row in found}

    def booked(self) -> list[str]:
        """The objects of all transactions, in their order; the numbers of a ledger have no gap."""
        rows = list(self.rows["transactions"].find().sort("seq", 1))
        assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
        return [row["object"] for row in rows]

    def end(self) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
            process.terminate()
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._client.close()


@contextmanager
def two_workers(folder: Path, uri: str, database: str) -> Iterator[Workers]:
    """The first has the lease when the block begins, the second stands by."""
    workers = Workers(folder, uri, database)
    try:
        first = workers.start()
        until(lambda: workers.writer() == first, within_s=30, what="the first worker has the lease")
        workers.start()
        yield workers
    finally:
        workers.end()
