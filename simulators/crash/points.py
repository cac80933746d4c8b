"""Inside the gateway's processes: the named points at which the harness can end or stop them, and clocks it can step.

Wraps what the gateway calls there. A name that is gone stops the process at its start: the points may not quietly vanish.
"""

import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

from simulators.crash.control import FOLDER, Control

Patch = Callable[[Any, str, Any], None]
"""(owner, name, replacement): `setattr` in a process, a test's own way of undoing it in a test."""


def install() -> None:
    """Called by `injected/sitecustomize.py`. The clock first, because the gateway takes its clock when it is imported."""
    control = Control(Path(os.environ[FOLDER]))
    _step_clock(control)
    _wrap(control, setattr)


def _step_clock(control: Control) -> None:
    true_time = time.time

    def stepped() -> float:
        command = sys.argv[1] if len(sys.argv) > 1 else ""
        return true_time() + control.clock_step(command)

    time.time = stepped


def _wrap(control: Control, patch: Patch) -> None:
    # Imported here, not above: what the harness itself uses of this module must not load the gateway.
    from pymongo.asynchronous.client_session import AsyncClientSession  # noqa: PLC0415

    from gateway.events.store import EventStore  # noqa: PLC0415
    from gateway.ledger.store import LedgerStore  # noqa: PLC0415
    from gateway.ledger.writes import Writes  # noqa: PLC0415

    insert = original(EventStore, "_insert")
    atomic = original(LedgerStore, "atomic")
    commit = original(AsyncClientSession, "commit_transaction")
    under_way: list[str] = []

    async def inserting(store: EventStore, documents: Sequence[dict[str, Any]]) -> Any:
        control.reach("before_insert")
        result = await insert(store, documents)
        control.reach("after_insert")
        return result

    async def writing(ledger: LedgerStore, writes: Sequence[Writes], **more: Any) -> Any:
        under_way[:] = kinds_of(writes)
        return await atomic(ledger, writes, **more)

    async def committing(session: AsyncClientSession) -> Any:
        for kind in under_way:
            control.reach(kind)
        control.reach("before_commit")
        result = await commit(session)
        control.reach("after_commit")
        return result

    patch(EventStore, "_insert", inserting)
    patch(LedgerStore, "atomic", writing)
    patch(AsyncClientSession, "commit_transaction", committing)


def original(owner: type, name: str) -> Callable[..., Awaitable[Any]]:
    """The coroutine function of this name. Raises `AttributeError` when the gateway has it no longer."""
    found: Callable[..., Awaitable[Any]] = getattr(owner, name)
    if not iscoroutinefunction(found):
        raise AttributeError(f"{owner.__name__}.{name} is no coroutine function any more")
    return found


def kinds_of(writes: Sequence[Any]) -> list[str]:
    """Whether a batch parks events, or sends parked ones back to the queue."""
    changes = [update["u"] for write in writes if write.collection == "events" for update in write.updates]
    parks = any(change.get("$set", {}).get("outcome") == "parked" for change in changes)
    releases = any("outcome" in change.get("$unset", {}) for change in changes)
    return ["while_parking"] * parks + ["while_releasing"] * releases
