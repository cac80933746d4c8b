"""The providers' objects with every field they really have, as JSON files that the builders fill in."""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

FIXTURES: Final = Path(__file__).parents[1] / "fixtures"


def filled(name: str, **fields: Any) -> dict[str, Any]:
    """A fresh copy of `fixtures/<name>.json` with `fields` set. A field the provider does not have is a mistake."""
    shape: dict[str, Any] = json.loads(_text(name))
    unknown = fields.keys() - shape.keys()
    if unknown:
        raise LookupError(f"{name} has no field {', '.join(sorted(unknown))}")
    return {**shape, **fields}


@cache
def _text(name: str) -> str:
    return (FIXTURES / f"{name}.json").read_text("utf-8")
