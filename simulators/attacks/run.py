"""Sends every attack to one gateway, one after the other, and judges the answers."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from secrets import token_hex
from time import time
from typing import Final

from simulators.attacks.attack import Attack, Result, Target
from simulators.attacks.content import CONTENT_ATTACKS
from simulators.attacks.framing import FRAMING_ATTACKS
from simulators.attacks.freshness import FRESHNESS_ATTACKS
from simulators.attacks.keys import KEY_ATTACKS
from simulators.attacks.signatures import SIGNATURE_ATTACKS
from simulators.attacks.transport import TRANSPORT_ATTACKS
from simulators.http import NoReply, Reply

ATTACKS: Final[tuple[Attack, ...]] = (
    *SIGNATURE_ATTACKS,
    *FRESHNESS_ATTACKS,
    *CONTENT_ATTACKS,
    *TRANSPORT_ATTACKS,
    *FRAMING_ATTACKS,
    *KEY_ATTACKS,
)

LIMITED_S_MAX: Final = 61
"""How long one attack waits for a gateway that limits this address: the rest of a minute."""

_TELLS: Final = ("type", "title", "status", "detail", "reason")
"""The members of a problem document that could tell one refusal from another."""


async def attack(
    url: str,
    secrets: Mapping[str, str],
    on_result: Callable[[Result], None] | None = None,
    *,
    attacks: Sequence[Attack] = ATTACKS,
    clock: Callable[[], float] = time,
    body_bytes_max: int = 262_144,
) -> list[Result]:
    """Tries `attacks` on the gateway at `url`; `secrets` are by source, and what needs a missing one is skipped.

    The attacks that sign need the gateway's own secrets: they play the sender who has one, and the thief who captured
    what it signed. One run makes more refused requests than a gateway allows an address in a minute, so it waits as it is
    told to (`Retry-After`) and goes on.
    """
    target = Target(url, dict(secrets), token_hex(5), clock, body_bytes_max)
    wordings: set[tuple[str, ...]] = set()
    results: list[Result] = []
    for tried in attacks:
        result, reply = await _try(target, tried)
        if reply is not None and reply.status == 403:
            wordings.add(tuple(str(reply.told().get(name)) for name in _TELLS))
        results.append(result)
        if on_result:
            on_result(result)
    if wordings:
        results.append(_judge_wordings(wordings))
        if on_result:
            on_result(results[-1])
    return results


async def _try(target: Target, tried: Attack) -> tuple[Result, Reply | None]:
    expected = "/".join(map(str, tried.expects))
    said = tried.group, tried.name, tried.tries, expected
    missing = [source for source in tried.needs if source not in target.secrets]
    if missing:
        return Result(*said, got="not tried", held=None, reason=f"no secret for {', '.join(missing)}"), None
    try:
        reply = await tried.send(target)
        retry_after = reply.headers.get("retry-after", "")
        if reply.status == 429 and retry_after.isdecimal() and int(retry_after) <= LIMITED_S_MAX:
            await asyncio.sleep(int(retry_after))
            reply = await tried.send(target)
    except NoReply as silent:
        return Result(*said, got="no reply", held=False, reason=str(silent)), None
    told = reply.told()
    reason = str(told.get("reason", told.get("status", "")))
    return Result(*said, got=str(reply.status), held=reply.status in tried.expects, reason=reason), reply


def _judge_wordings(wordings: set[tuple[str, ...]]) -> Result:
    return Result(
        "signature",
        "which part was wrong?",
        "told from the wording of the refusals",
        expected="1 wording",
        got=f"{len(wordings)} wording{'s' if len(wordings) > 1 else ''}",
        held=len(wordings) == 1,
    )
