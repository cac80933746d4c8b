"""The body of a request that changes something: a JSON object, bounded in size and time."""

import asyncio
from typing import Any, Final

import orjson
from starlette.requests import ClientDisconnect, Request

from gateway.errors import BadRequest, NotJson, SlowBody, TooLarge, WrongMediaType

BODY_BYTES_MAX: Final = 65_536
BODY_S_MAX: Final = 10.0


async def json_object(request: Request) -> dict[str, Any]:
    """What was sent; nothing at all is an empty object.

    Raises `WrongMediaType`, `TooLarge`, `SlowBody`, `NotJson`, and `BadRequest` for another kind of JSON.
    """
    body = await _bounded(request)
    if not body:
        return {}
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise WrongMediaType("Send application/json.")
    try:
        sent = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise NotJson("The body is not JSON.") from None
    if not isinstance(sent, dict):
        raise BadRequest("The body is a JSON object.")
    return sent


async def _bounded(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S_MAX):
            async for piece in request.stream():
                body += piece
                if len(body) > BODY_BYTES_MAX:
                    raise TooLarge(f"The body may have at most {BODY_BYTES_MAX} bytes.")
    except TimeoutError:
        raise SlowBody(f"The body did not arrive within {BODY_S_MAX:g} s.") from None
    except ClientDisconnect:
        raise BadRequest("The peer went away before its body was complete.") from None
    return bytes(body)
