"""The narrative that stands in the report: the model's where it gave one, the composed one otherwise, every number looked up."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from structlog import get_logger

from gateway.analysis.figures_in_words import Figures, sentences
from gateway.analysis.prompt import NotAnswered
from gateway.masking import mask
from reports.narrative.composed import composed
from reports.narrative.facts import figures, told
from reports.period import Period
from reports.report import Narrative
from reports.table import Table

log = get_logger(__name__)

COMPOSED: Final = "composed from the tables"
ModelWriter = Callable[[dict[str, Any]], Awaitable[tuple[str, str]]]
"""Facts → the prose and the model's name. Raises `NotAnswered`."""


async def narrative(tables: Mapping[str, Table], period: Period, model: ModelWriter | None) -> Narrative:
    """The page. A composed sentence whose number is in no table is left out like a model's, and logged: it is a mistake of ours, or
    a payer's bank wrote numbers into a reason, and neither may cost the report."""
    known = Figures(figures(tables.values(), period))
    notes: list[str] = []
    if model is not None:
        try:
            text, name = await model(told(tables.values(), period))
        except NotAnswered as failed:
            notes.append(f"The model did not answer ({failed.reason}), so this was composed from the tables.")
        else:
            written = from_model(text, name, known)
            if written.paragraphs:
                return written
            notes.append(
                "Every sentence of the model held a number that no table has, so this was composed from the tables."
            )
    kept, dropped = holding(composed(tables, period), known)
    if dropped:
        log.error("composed_sentences_dropped", sentences=dropped)
        notes.append(_dropped(dropped))
    return Narrative(tuple(kept), COMPOSED, " ".join(notes), dropped)


def holding(paragraphs: Iterable[str], known: Figures) -> tuple[list[str], int]:
    """What is left of them without the sentences that hold a number of their own, and how many those are."""
    kept: list[str] = []
    dropped = 0
    for paragraph in paragraphs:
        if known.hold(paragraph):
            kept.append(paragraph)
            continue
        said = sentences(paragraph)
        true = [sentence for sentence in said if known.hold(sentence)]
        dropped += len(said) - len(true)
        if true:
            kept.append(" ".join(true))
    return kept, dropped


def from_model(text: str, name: str, known: Figures) -> Narrative:
    """The model's sentences that hold, by its paragraphs, and a note on those that were dropped."""
    said = (" ".join(map(mask, sentences(paragraph))) for paragraph in text.splitlines())
    kept, dropped = holding((paragraph for paragraph in said if paragraph), known)
    author = f"written by the model {name} from the tables; its numbers were checked, its words were not"
    return Narrative(tuple(kept), author, _dropped(dropped) if dropped else "", dropped)


def _dropped(sentences: int) -> str:
    if sentences == 1:
        return "1 sentence was dropped: it held a number that no table has."
    return f"{sentences} sentences were dropped: they held numbers that no table has."
