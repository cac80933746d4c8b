"""The narrative that stands in the report: the model's where it gave one, the composed one otherwise, every number looked up."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from gateway.analysis.figures_in_words import Figures, sentences
from gateway.analysis.prompt import NotAnswered
from gateway.masking import mask
from reports.narrative.composed import composed
from reports.narrative.facts import figures, told
from reports.period import Period
from reports.report import Narrative
from reports.table import Table

COMPOSED: Final = "composed from the tables"
ModelWriter = Callable[[dict[str, Any]], Awaitable[tuple[str, str]]]
"""Facts → the prose and the model's name. Raises `NotAnswered`."""


class Unsupported(AssertionError):
    """A composed sentence holds a number that no table has: a mistake of ours, never shown."""


async def narrative(tables: Mapping[str, Table], period: Period, model: ModelWriter | None) -> Narrative:
    """Raises `Unsupported` for a composed sentence whose number is in no table."""
    known = Figures(figures(tables.values(), period))
    note = ""
    if model is not None:
        try:
            text, name = await model(told(tables.values(), period))
        except NotAnswered as failed:
            note = f"The model did not answer ({failed.reason}), so this was composed from the tables."
        else:
            written = from_model(text, name, known)
            if written.paragraphs:
                return written
            note = "Every sentence of the model held a number that no table has, so this was composed from the tables."
    return Narrative(tuple(supported(composed(tables, period), known)), COMPOSED, note)


def supported(said: list[str], known: Figures) -> list[str]:
    for sentence in said:
        if not known.hold(sentence):
            raise Unsupported(sentence)
    return said


def from_model(text: str, name: str, known: Figures) -> Narrative:
    """The model's sentences that hold, by its paragraphs, and a note on those that were dropped."""
    kept: list[str] = []
    dropped = 0
    for paragraph in text.splitlines():
        said = [mask(sentence) for sentence in sentences(paragraph)]
        holding = [sentence for sentence in said if known.hold(sentence)]
        dropped += len(said) - len(holding)
        if holding:
            kept.append(" ".join(holding))
    note = ""
    if dropped:
        many = f"{dropped} sentences were dropped: they held numbers"
        note = f"{many if dropped > 1 else '1 sentence was dropped: it held a number'} that no table has."
    author = f"written by the model {name} from the tables; its numbers were checked, its words were not"
    return Narrative(tuple(kept), author, note, dropped)
