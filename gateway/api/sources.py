"""`/sources`: the managed sources over the API, for keys with the scope admin. A secret comes in, and never goes out again,
except a generated one in the answer to the request that made it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.acts import holder
from gateway.access.sources import Actor, Changed, ManagedSources
from gateway.api.answering import answer, json_response, query_of
from gateway.api.bodies import json_object
from gateway.errors import InvalidSource
from gateway.ingress.providers.terms import sentences

OVERLAP_S: Final = 86_400
Form = TypeVar("Form", bound=BaseModel)


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)


class _Version(_Body):
    version: int | None = None
    """The version that the change is of; another one standing is a conflict. None: whichever stands."""


class _Secret(_Body):
    secret: SecretStr | None = None
    generate: bool = False

    def text(self) -> str | None:
        """The secret; None: one is generated. Raises `InvalidSource` for neither and for both."""
        if (self.secret is not None) == self.generate:
            raise InvalidSource('secret: send one, or "generate": true, and not both.')
        return self.secret.get_secret_value() if self.secret else None


class _NewSource(_Secret):
    name: str


class _Rotation(_Secret, _Version):
    overlap_s: int = OVERLAP_S


@dataclass(frozen=True, slots=True)
class Sources:
    """From a request to a change and its answer."""

    managed: ManagedSources

    async def list(self, request: Request) -> Response:
        query_of(request, set())
        return json_response({"sources": [source.model_dump() for source in await self.managed.all()]})

    async def show(self, request: Request) -> Response:
        query_of(request, set())
        return answer(await self.managed.show(_name(request)))

    async def add(self, request: Request) -> Response:
        asked, terms = _read_with_terms(_NewSource, await json_object(request))
        changed = await self.managed.add(asked.name, terms, secret=asked.text(), actor=_actor(request))
        response = _answer(changed, status_code=201)
        response.headers["Location"] = f"/sources/{changed.source.name}"
        return response

    async def change(self, request: Request) -> Response:
        asked, terms = _read_with_terms(_Version, await json_object(request))
        actor = _actor(request)
        return _answer(await self.managed.change(_name(request), terms, version=asked.version, actor=actor))

    async def rotate(self, request: Request) -> Response:
        asked = _read(_Rotation, await json_object(request))
        changed = await self.managed.rotate(
            _name(request),
            secret=asked.text(),
            overlap_s=asked.overlap_s,
            version=asked.version,
            actor=_actor(request),
        )
        return _answer(changed)

    async def disable(self, request: Request) -> Response:
        asked = _read(_Version, await json_object(request))
        return _answer(await self.managed.disable(_name(request), version=asked.version, actor=_actor(request)))

    async def enable(self, request: Request) -> Response:
        asked = _read(_Version, await json_object(request))
        return _answer(await self.managed.enable(_name(request), version=asked.version, actor=_actor(request)))


def _name(request: Request) -> str:
    return str(request.path_params["name"])


def _actor(request: Request) -> Actor:
    return Actor(by=holder(request.state.principal), via="api")


def _read(form: type[Form], sent: Mapping[str, Any]) -> Form:
    """Raises `InvalidSource`, which names fields and repeats no value."""
    try:
        return form.model_validate(sent)
    except ValidationError as refused:
        raise InvalidSource(sentences(refused)) from None


def _read_with_terms(form: type[Form], sent: Mapping[str, Any]) -> tuple[Form, dict[str, Any]]:
    """What the form asks for, and all the rest, which is about the source's terms."""
    own = {field: sent[field] for field in sent if field in form.model_fields}
    return _read(form, own), {field: sent[field] for field in sent if field not in own}


def _answer(changed: Changed, status_code: int = 200) -> Response:
    generated = {} if changed.generated is None else {"secret": changed.generated}
    return json_response({**changed.source.model_dump(), **generated}, status_code)
