"""Sources managed: what a rotation means for each secret, who wins of two, and what is never kept or told."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.access.acts import list_acts
from gateway.access.sources import Actor, Changed, ManagedSources
from gateway.encryption import Cipher, EncryptionKey, new_key_text
from gateway.errors import Conflict, InvalidSource, NotFound
from gateway.ingress.providers.schemes import SCHEMES
from gateway.ingress.providers.sources import signing_key
from gateway.mongo import connect
from gateway.queries.reading import Database
from gateway.settings import Settings

NOW = 1_763_712_000.0
ADMIN = Actor(by="key 1 (test)", via="api")
SECRET = "a-secret-of-the-tests-0123456789"
NONE = {"stripe_webhook_secret": "", "razorpay_webhook_secret": "", "standard_webhooks_secret": ""}
ENVIRONMENT = Settings.model_validate({"hmac_secret_key": f"{'e' * 32},{'f' * 32}", **NONE})
KEY = EncryptionKey.read(new_key_text())


class Desk:
    """Where an operator sits: sources on a database, and a clock to turn."""

    def __init__(self, database: Database, *, key: EncryptionKey = KEY) -> None:
        self.now = NOW
        self.database = database
        self.cipher = Cipher(lambda: (key,))
        self.sources = ManagedSources(database, self.cipher, ENVIRONMENT, clock=lambda: self.now)

    async def add(self, name: str = "shop", secret: str | None = SECRET, **terms: Any) -> Changed:
        return await self.sources.add(name, {"scheme": "native", **terms}, secret=secret, actor=ADMIN)

    async def rotate(self, name: str = "shop", secret: str | None = None, **how: Any) -> Changed:
        return await self.sources.rotate(name, secret=secret, actor=ADMIN, **{"overlap_s": 3_600, **how})

    async def valid(self, name: str = "shop") -> list[str]:
        return [secret.id for secret in (await self.sources.show(name)).secrets if secret.valid]

    async def keys(self, name: str = "shop") -> list[bytes]:
        return [secret.key for secret in (await self.sources.source(name)).secrets]


@pytest.fixture
def at_desk(mongo_uri: str, database_name: str) -> Callable[[Callable[[Desk], Awaitable[None]]], None]:
    def run(story: Callable[[Desk], Awaitable[None]]) -> None:
        async def main() -> None:
            async with connect(mongo_uri, Settings(_env_file=None, mongo_timeout_ms=20_000)) as client:
                await story(Desk(client[database_name]))

        asyncio.run(main())

    return run


AtDesk = Callable[[Callable[[Desk], Awaitable[None]]], None]


def test_a_source_is_kept_without_its_secret(at_desk: AtDesk) -> None:
    """Sealed in the store; not in what is shown, not in the act; there again for who signs with it."""

    async def story(desk: Desk) -> None:
        added = await desk.add(rate="5/minute", types=["payment"])
        assert (added.generated, added.source.state, added.source.rate) == (None, "open", "5/minute")
        document = await desk.database["sources"].find_one({"_id": "shop"})
        acts = await list_acts(desk.database)
        assert [(act.act, act.subject, act.by, act.via) for act in acts] == [("source.add", "shop", ADMIN.by, "api")]
        assert SECRET not in repr((added, document, acts))
        assert await desk.keys() == [SECRET.encode()]

    at_desk(story)


def test_after_a_rotation_both_secrets_verify_until_the_old_ones_end(at_desk: AtDesk) -> None:
    """And then its key is gone for good; its id and times stay, so that events can be told apart for ever."""

    async def story(desk: Desk) -> None:
        await desk.add()
        generated = (await desk.rotate()).generated
        assert generated is not None
        assert await desk.valid() == ["1", "2"]
        assert set(await desk.keys()) == {SECRET.encode(), generated.encode()}
        desk.now += 3_600
        assert await desk.valid() == ["2"]
        await desk.sources.disable("shop", actor=ADMIN)
        rotated = await desk.rotate()
        assert [secret.id for secret in rotated.source.secrets] == ["1", "2", "3"]
        document = await desk.database["sources"].find_one({"_id": "shop"})
        assert document is not None
        assert ["sealed" in secret for secret in document["secrets"]] == [False, True, True]

    at_desk(story)


def test_a_leaked_secret_is_replaced_at_once(at_desk: AtDesk) -> None:
    """Without an overlap nothing of before verifies; an earlier end is never moved back by a later rotation."""

    async def story(desk: Desk) -> None:
        await desk.add()
        await desk.rotate(overlap_s=10)
        await desk.rotate(overlap_s=86_400)
        desk.now += 10
        assert await desk.valid() == ["2", "3"]
        await desk.rotate(overlap_s=0)
        assert await desk.valid() == ["4"]
        assert len(await desk.keys()) == 1

    at_desk(story)


def test_a_source_of_the_environment_is_adopted_by_its_first_change(at_desk: AtDesk) -> None:
    """With its secrets under their ids; until then it is shown as what it is."""

    async def story(desk: Desk) -> None:
        assert [(source.name, source.origin) for source in await desk.sources.all()] == [("payments", "environment")]
        rotated = await desk.rotate("payments")
        assert (rotated.source.origin, rotated.source.version) == ("stored", 1)
        assert await desk.valid("payments") == ["1", "2", "3"]
        assert rotated.generated is not None
        assert set(await desk.keys("payments")) == {b"e" * 32, b"f" * 32, rotated.generated.encode()}
        with pytest.raises(Conflict):
            await desk.add("payments")

    at_desk(story)


def test_of_changes_at_once_none_is_lost_without_a_word(at_desk: AtDesk) -> None:
    """Whoever was not told of a conflict has a secret that verifies; also where all of them would adopt the source."""

    async def story(desk: Desk) -> None:
        await desk.add()
        for name in ("shop", "payments"):
            results = await asyncio.gather(*(desk.rotate(name) for _ in range(6)), return_exceptions=True)
            lost = [result for result in results if isinstance(result, Conflict)]
            won = [result.generated for result in results if isinstance(result, Changed)]
            assert len(won) + len(lost) == 6
            assert all("changed by somebody else" in str(conflict) for conflict in lost)
            assert len(won) >= 1
            assert {str(generated).encode() for generated in won} <= set(await desk.keys(name))

    at_desk(story)


def test_a_change_of_another_version_is_a_conflict(at_desk: AtDesk) -> None:
    """For who decided on what was shown to him, and it is not so any more."""

    async def story(desk: Desk) -> None:
        await desk.add()
        await desk.rotate(version=1)
        for name, version in (("shop", 1), ("payments", 1)):
            with pytest.raises(Conflict, match="changed by somebody else"):
                await desk.rotate(name, version=version)
        assert await desk.valid() == ["1", "2"]

    at_desk(story)


def test_terms_are_changed_and_the_rest_stays(at_desk: AtDesk) -> None:
    """What is not named stays; the scheme cannot be another, for then the secrets would be no secrets of it."""

    async def story(desk: Desk) -> None:
        await desk.add(rate="5/minute", networks=["192.0.2.0/24"])
        changed = await desk.sources.change("shop", {"networks": [], "past_s": 60}, actor=ADMIN)
        assert (changed.source.networks, changed.source.past_s, changed.source.rate) == ([], 60, "5/minute")
        for wrong in ({"scheme": "stripe"}, {"rate": "often"}, {"secrets": []}, {"version": 3}):
            with pytest.raises(InvalidSource):
                await desk.sources.change("shop", wrong, actor=ADMIN)

    at_desk(story)


def test_a_door_is_closed_and_opened_again(at_desk: AtDesk) -> None:
    """Doing it twice changes nothing and is no act."""

    async def story(desk: Desk) -> None:
        await desk.add()
        states = [
            (await change("shop", actor=ADMIN)).source.state
            for change in (desk.sources.disable, desk.sources.disable, desk.sources.enable, desk.sources.enable)
        ]
        assert states == ["disabled", "disabled", "open", "open"]
        acts = sorted(act.act for act in await list_acts(desk.database))
        assert acts == ["source.add", "source.disable", "source.enable"]

    at_desk(story)


@pytest.mark.parametrize(
    ("scheme", "secret", "says"),
    [
        ("native", "k" * 23, "secret: it is 23 bytes of key, at least 24 are needed."),
        ("native", "", "secret: it is 0 bytes of key"),
        ("native", "  \n", "secret: it is 0 bytes of key"),
        ("native", "k" * 5_000, "secret: it has more than 4096 characters"),
        ("standard-webhooks", "whsec_" + "?" * 40, "secret: it is not base64 (after whsec_); copy it again"),
        ("adyen", "z" * 64, "secret: it is not hex digits; copy it again"),
        ("stripe", None, "secret: stripe makes the secret itself; copy it from there."),
    ],
)
def test_a_secret_that_protects_nothing_is_refused(at_desk: AtDesk, scheme: str, secret: str | None, says: str) -> None:
    """For a new source and in a rotation; the sentence holds no piece of it."""

    async def story(desk: Desk) -> None:
        with pytest.raises(InvalidSource) as refused:
            await desk.add(secret=secret, scheme=scheme)
        assert says in str(refused.value)
        assert not secret or not secret.strip() or secret not in str(refused.value)
        assert await desk.database["sources"].count_documents({}) == 0

    at_desk(story)


@pytest.mark.parametrize("scheme", ["native", "razorpay", "github", "standard-webhooks"])
def test_a_generated_secret_is_in_the_form_of_its_scheme(at_desk: AtDesk, scheme: str) -> None:
    """It is shown once, and its key is the one that is stored."""

    async def story(desk: Desk) -> None:
        generated = (await desk.add(secret=None, scheme=scheme)).generated
        assert generated is not None
        assert await desk.keys() == [signing_key(generated, SCHEMES[scheme].key_form)]

    at_desk(story)


def test_the_same_secret_again_is_no_rotation(at_desk: AtDesk) -> None:
    """Else the operator believes in a new one, and the old one's end closes nothing."""

    async def story(desk: Desk) -> None:
        await desk.add()
        with pytest.raises(InvalidSource, match="has this one already"):
            await desk.rotate(secret=f" {SECRET}\n")

    at_desk(story)


def test_there_is_a_bound_on_secrets_at_once(at_desk: AtDesk) -> None:
    """Each costs every forged delivery one more signature."""

    async def story(desk: Desk) -> None:
        await desk.add()
        for _ in range(7):
            await desk.rotate()
        with pytest.raises(Conflict, match="8 secrets verify already"):
            await desk.rotate()
        await desk.rotate(overlap_s=0)
        assert await desk.valid() == ["9"]

    at_desk(story)


def test_what_is_not_there_is_not_found(at_desk: AtDesk) -> None:
    """For every act; and no name slips into a query."""

    async def story(desk: Desk) -> None:
        for name in ("none", "", "$gt", "a" * 500):
            for ask in (desk.sources.show, desk.rotate):
                with pytest.raises(NotFound):
                    await ask(name)
            for change in (desk.sources.disable, desk.sources.enable):
                with pytest.raises(NotFound):
                    await change(name, actor=ADMIN)

    at_desk(story)


def test_a_source_whose_key_is_missing_is_shown_closed_and_can_be_given_a_new_secret(at_desk: AtDesk) -> None:
    """With its reason. Without an overlap nothing of before is needed any more."""

    async def story(desk: Desk) -> None:
        await Desk(desk.database, key=EncryptionKey.read(new_key_text())).add()
        shown = await desk.sources.show("shop")
        assert (shown.state, "is missing" in (shown.reason or "")) == ("closed", True)
        with pytest.raises(Conflict, match="without an overlap"):
            await desk.rotate()
        assert (await desk.rotate(overlap_s=0)).source.state == "open"

    at_desk(story)
