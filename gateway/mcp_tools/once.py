"""A call that changes something happens once: its idempotency key is stored with who called what, with which parameters.

    agent_calls: _id (principal and key, hashed), by, tool, parameters (their hash), at, result (null until it is done)

The same call again gets the first result; another one under the same key is refused. What a call does is named by the same
hash, so doing it again after a crash in between changes nothing more.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

import orjson
from pydantic import BaseModel, Field
from pymongo.errors import DuplicateKeyError

from gateway.errors import Conflict
from gateway.mcp_tools.asking import Around
from gateway.queries.reading import answered_within

CALLS: Final = "agent_calls"

IdempotencyKey = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_.:-]{8,128}$",
        description="Any text of your own for this one request. Use the same key when you retry, a new one for a new request",
    ),
]


class Done(BaseModel):
    """What every such call answers. `repeated`: it was done before under this key, and this is that result."""

    repeated: bool = False
    done_at: datetime


Result = TypeVar("Result", bound=Done)


async def once(
    around: Around,
    tool: str,
    key: str,
    parameters: Mapping[str, Any],
    do: Callable[[str], Awaitable[Result]],
    *,
    gives: type[Result],
    subject: str,
    untold: frozenset[str] = frozenset(),
    is_final: Callable[[Result], bool] = lambda _: True,
) -> Result:
    """What `do` gives, given the call's own id; it is kept as an act under `subject`, without the parameters `untold`.

    Raises `Conflict` for a used key.

    A result that is not final yet is asked for again the next time.
    """
    caller = around.caller()
    call_id = hashlib.sha256(f"{caller.key_id}\n{key}".encode()).hexdigest()[:32]
    digest = hashlib.sha256(orjson.dumps(dict(parameters), option=orjson.OPT_SORT_KEYS)).hexdigest()
    calls = around.database()[CALLS]
    with answered_within():
        claim = {"_id": call_id, "by": caller.key_id, "tool": tool, "parameters": digest, "at": around.now()}
        try:
            await calls.insert_one({**claim, "result": None})
            stored = None
        except DuplicateKeyError:
            stored = await calls.find_one({"_id": call_id})
    if stored is not None and (stored["tool"], stored["parameters"]) != (tool, digest):
        raise Conflict("This idempotency_key was used for another request; nothing was done. Take a new one.")
    if stored is not None and stored["result"] is not None:
        return gives.model_validate({**stored["result"], "repeated": True})
    result = await do(call_id)
    if is_final(result):
        with answered_within():
            await calls.update_one({"_id": call_id}, {"$set": {"result": result.model_dump(mode="json")}})
    told = {name: value for name, value in parameters.items() if name not in untold}
    await around.note(f"agent.{tool}", subject, {"call": call_id, **told})
    return result.model_copy(update={"repeated": stored is not None})
