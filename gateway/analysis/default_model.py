"""The model that comes with the gateway: trained on our own simulator's data, for there are no others to ship.

It is written by `gateway model train --simulated` (see the card in the file, and `gateway model card default`).
"""

import json
from functools import cache
from importlib.resources import files
from typing import Final

from gateway.analysis.trees import TreeModel

FILE: Final = "default_model.json"


@cache
def default_model() -> TreeModel:
    """Read once."""
    return TreeModel(json.loads(files("gateway.analysis").joinpath(FILE).read_text()))
