"""The stored models, and which of them scores: the one that was promoted last, until then the one that comes with the gateway.

models   _id (the version), name, document (the model as JSON text), created_at, by
marks    {_id: "model", version, earlier: [versions, the latest last], at, by}
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase

from gateway.analysis.default_model import default_model
from gateway.analysis.trees import TreeModel
from gateway.errors import BadModel

Database = AsyncDatabase[dict[str, Any]]

RULES: Final = "rules"
"""In place of a version: no model at all, the rules alone."""
EARLIER_MAX: Final = 20
_MARK: Final = "model"


class ModelStore:
    """Reads and decides. Changing which model scores takes effect in a running worker within seconds."""

    def __init__(self, database: Database) -> None:
        self._models = database["models"]
        self._marks = database["marks"]

    async def add(self, model: TreeModel, *, by: str, now: datetime) -> None:
        """Keep a model; it scores nothing yet."""
        document = json.dumps(model.document)
        kept = {"_id": model.version, "name": model.name, "document": document, "created_at": now, "by": by}
        await self._models.replace_one({"_id": model.version}, kept, upsert=True)

    async def get(self, version: str) -> TreeModel | None:
        """The model of this version, whole or its beginning; None for the rules alone. Raises `BadModel` for an unknown one."""
        default = default_model()
        if version == RULES:
            return None
        if version == "default" or default.version == version:
            return default
        stored = await self._models.find_one({"_id": version})
        if stored is None:
            raise BadModel(f"No model has the version {version}; `gateway model list` names them.")
        return TreeModel(json.loads(stored["document"]))

    async def all(self) -> list[TreeModel]:
        """The one that comes with the gateway, and the stored ones, the latest first."""
        stored = self._models.find({}).sort("created_at", -1)
        return [default_model(), *[TreeModel(json.loads(each["document"])) async for each in stored]]

    async def promoted(self) -> str:
        """The version that scores."""
        mark = await self._marks.find_one({"_id": _MARK})
        return str(mark["version"]) if mark else default_model().version

    async def promote(self, version: str, *, by: str, now: datetime) -> None:
        """From now on this one scores; the one before is kept for `roll_back`."""
        mark: Mapping[str, Any] = await self._marks.find_one({"_id": _MARK}) or {}
        before = mark.get("version", default_model().version)
        earlier = [*mark.get("earlier", []), before][-EARLIER_MAX:]
        await self._set({"version": version, "earlier": earlier, "at": now, "by": by})

    async def roll_back(self, *, by: str, now: datetime) -> str:
        """The one before scores again; gives its version. Raises `BadModel` when there was none."""
        mark = await self._marks.find_one({"_id": _MARK})
        if not mark or not mark["earlier"]:
            raise BadModel("No model was promoted before this one: there is nothing to go back to.")
        *earlier, version = mark["earlier"]
        await self._set({"version": version, "earlier": earlier, "at": now, "by": by})
        return str(version)

    async def _set(self, decided: dict[str, Any]) -> None:
        await self._marks.replace_one({"_id": _MARK}, decided, upsert=True)
