"""Every attack of `simulators.attacks` on the running gateway of the journeys: all answered as they should be."""

import asyncio

from running_gateway import SECRETS, RunningGateway

from simulators.attacks import ATTACKS, attack
from simulators.sources import SOURCES


def test_every_attack_gets_the_answer_it_should(gateway: RunningGateway) -> None:
    """None is let in, none breaks anything, and all forgeries are refused with one wording."""
    secrets = {name: SECRETS[source.setting] for name, source in SOURCES.items()}
    results = asyncio.run(attack(gateway.url, secrets))
    assert len(results) == len(ATTACKS) + 1
    assert [(result.name, result.expected, result.got) for result in results if not result.held] == []
