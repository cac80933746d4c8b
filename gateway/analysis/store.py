"""The wallets' profiles in MongoDB: read for a batch, written back in the transaction that books the batch."""

from collections.abc import Collection, Iterable
from typing import Any, ClassVar

from beanie import Document
from pymongo import ReplaceOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from gateway.analysis.profile import Profile


class ProfileDocument(Document):
    """Declares the collection; `profile.Profile` owns the shape of its documents."""

    id: str  # type: ignore[assignment]
    shape: int

    class Settings:
        name = "profiles"
        indexes: ClassVar[list[Any]] = []


class ProfileStore:
    """The profiles collection. Driver errors come through as they are: a transaction needs their labels."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._profiles = database["profiles"]

    async def load(
        self, profile_ids: Collection[str], *, session: AsyncClientSession | None = None
    ) -> dict[str, Profile]:
        """A profile for every id, empty for a wallet that has none yet."""
        profiles = {profile_id: Profile(profile_id) for profile_id in profile_ids}
        cursor = self._profiles.find({"_id": {"$in": list(profiles)}}, session=session)
        async for document in cursor:
            profiles[document["_id"]] = Profile.from_document(document)
        return profiles

    async def save(self, profiles: Iterable[Profile], *, session: AsyncClientSession | None = None) -> None:
        """Writes each profile whole; nothing is sent when there is none."""
        writes = [ReplaceOne({"_id": profile.id}, profile.to_document(), upsert=True) for profile in profiles]
        if writes:
            await self._profiles.bulk_write(writes, ordered=False, session=session)
