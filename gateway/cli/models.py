"""`gateway model`: measure the scorer, train it on what is stored, and decide which model the worker uses."""

import asyncio
import gc
import json
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer
from rich.console import Console
from rich.table import Column, Table

from gateway.access.acts import note_act
from gateway.analysis.default_model import default_model
from gateway.analysis.drift import MOVED, SHIFTED
from gateway.analysis.learning.bench import Bench, measured, trained
from gateway.analysis.learning.bench import bench as run_bench
from gateway.analysis.learning.protocol import START_DAY, folds
from gateway.analysis.learning.rows import read_rows
from gateway.analysis.learning.stream import Seen, Stream
from gateway.analysis.model import MODEL
from gateway.analysis.model_store import RULES, ModelStore
from gateway.analysis.trees import SIMULATED, TreeModel
from gateway.cli.options import DataDir, operator, tables
from gateway.clock import system_clock, utc
from gateway.mongo.client import connect, reach
from gateway.monitoring.logs import configure_logs
from gateway.pipeline.drift import SCORE, Drift, read_drift
from gateway.pipeline.history import compared, train_on_history
from gateway.priority import lower
from gateway.queries.reading import Database
from gateway.settings import load_settings
from simulators.fraud import simulate_patterns

app = typer.Typer(help="Models: measure, train, promote and roll back what scores events.", no_args_is_help=True)
Answer = TypeVar("Answer")

OWN_START_DAY: Final = 35
"""The simulator's own data are shorter than the handbook's."""
MEASURES: Final = {
    "auc": "AUC",
    "ap": "AP",
    "cp100": "CP@100",
    "recall_at_1pct_fpr": "recall at 1 % FPR",
    "calibration_error": "calibration error",
    "latency_us": "latency µs",
}


SIMULATED_DAYS: Final = 84
SIMULATED_FROM_DAY: Final = 28
"""Days before are for the states to fill."""
SIMULATED_NOTE: Final = (
    "Trained on this project's own simulator, for want of real labels: it knows the patterns we thought of. Its figures hold "
    "for the simulator. Train on your own history as soon as disputes have told enough."
)
NICENESS: Final = 10
"""Training is not in a hurry, and may run beside a gateway that is."""


class Protocol(StrEnum):
    A = "A"
    B = "B"


@app.command()
def bench(
    data: Annotated[
        Path | None,
        typer.Option(
            help="CSV or CSV.gz: time_s, customer, counterparty, amount, fraud. Without: our own simulator's."
        ),
    ] = None,
    protocol: Annotated[Protocol, typer.Option(help="A: one split. B: the mean of four, a week apart.")] = Protocol.A,
    start_day: Annotated[int | None, typer.Option(min=0, help="The first training day, counted from 0.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train and test on labelled events by the Fraud Detection Handbook's protocol. Needs the extra `train`."""
    name: Any = protocol.value
    if data is None:
        start = OWN_START_DAY if start_day is None else start_day
        rows = simulate_patterns(days=folds(name, start)[-1].test_end)
    else:
        start = START_DAY if start_day is None else start_day
        rows = read_rows(data)
    with _uncollected():
        found = run_bench(rows, name, start_day=start, handbook=data is not None)
    if as_json:
        typer.echo(json.dumps({**found.as_json(), "data": str(data) if data else "simulators.fraud.patterns"}))
        return
    console = tables()
    last = found.folds[-1]
    console.print(
        f"Protocol {found.protocol}, {len(found.folds)} fold(s), the last from day {last['start_day']}: trained on "
        f"{last['train_rows']} events ({last['train_frauds']} fraud), tested on {last['test_rows']} ({last['test_frauds']})."
    )
    console.print(table_of(found))
    if found.published is None:
        console.print(
            "Our own simulated data: nothing was published about them, and nothing follows for real payments."
        )


@app.command()
def train(
    simulated: Annotated[
        bool, typer.Option("--simulated", help="On our own simulator's data instead of what is stored.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write the model's JSON here instead of storing it.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Train on what is stored, each payment only once its time to be disputed was over. The model scores once it is promoted."""
    lower(os.getpid(), NICENESS)
    if simulated and out:
        with _uncollected():
            model = _simulated()
        _write(model, out)
        _show(model, str(out))
        return

    delay_days = _delay_days(data_dir)

    async def learn(database: Database) -> TreeModel:
        now = utc(system_clock())
        with _uncollected():
            model = _simulated() if simulated else await train_on_history(database, delay_days=delay_days, now=now)
        if not out:
            await ModelStore(database).add(model, by=operator(), now=now)
        return model

    model = _with_database(data_dir, learn)
    if out:
        _write(model, out)
    _show(model, "stored" if not out else str(out))


@app.command("list")
def list_models(data_dir: DataDir = None) -> None:
    """The models: the one that comes with the gateway and those that were trained here; which of them scores."""

    async def found(database: Database) -> tuple[list[TreeModel], str]:
        store = ModelStore(database)
        return await store.all(), await store.promoted()

    models, promoted = _with_database(data_dir, found)
    table = Table(Column("version", no_wrap=True), "trained on", "trained at", "events", "frauds", "AP", "scores")
    for model in models:
        ap = model.card.get("measured", {}).get("ap")
        said = (str(model.card[name]) for name in ("trained_on", "trained_at", "rows", "frauds"))
        table.add_row(model.version, *said, _figure("ap", ap), "yes" if model.version == promoted else "")
    if promoted == RULES:
        table.add_row(RULES, "", "", "", "", "", "yes")
    tables().print(table)


@app.command()
def promote(
    version: Annotated[str, typer.Argument(help='A version of `gateway model list`, "default", or "rules" for none.')],
    data_dir: DataDir = None,
) -> None:
    """Let a model score from now on. A trained one must hold its ground on the last matured week; "default" and "rules" may
    always come back. The one before is kept for `rollback`."""
    delay_days = _delay_days(data_dir)

    async def decide(database: Database) -> str:
        store, now = ModelStore(database), utc(system_clock())
        model = await store.get(version)
        chosen = RULES if model is None else model.version
        if model is not None and model.version != default_model().version:
            incumbent = await store.get(await store.promoted())
            await compared(database, model, incumbent, delay_days=delay_days, now=now)
        await store.promote(chosen, by=operator(), now=now)
        await _noted(database, "model.promote", chosen)
        return chosen

    chosen = _with_database(data_dir, decide)
    Console(highlight=False).print(f"{chosen} scores from now on; a running worker takes it up within seconds.")


@app.command()
def rollback(data_dir: DataDir = None) -> None:
    """Let the model before the present one score again."""

    async def decide(database: Database) -> str:
        version = await ModelStore(database).roll_back(by=operator(), now=utc(system_clock()))
        await _noted(database, "model.rollback", version)
        return version

    Console(highlight=False).print(f"{_with_database(data_dir, decide)} scores again.")


@app.command()
def card(
    version: Annotated[str, typer.Argument(help="A version, or default; without: the one that scores.")] = "",
    data_dir: DataDir = None,
) -> None:
    """What a model was trained on, when, on how much, and how well it does."""

    async def found(database: Database) -> TreeModel | None:
        store = ModelStore(database)
        return await store.get(version or await store.promoted())

    model = default_model() if version == "default" else _with_database(data_dir, found)
    if model is None:
        Console(highlight=False).print("The rules alone score: no model was asked for.")
    else:
        _show(model, "")


@app.command()
def drift(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: every feature.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Whether what is scored has changed, and whether the probabilities of past weeks came true. Replays what is stored."""
    lower(os.getpid(), NICENESS)

    async def read(database: Database) -> Drift:
        store = ModelStore(database)
        return await read_drift(database, await store.get(await store.promoted()), now=utc(system_clock()))

    with _uncollected():
        found = _with_database(data_dir, read)
    if as_json:
        typer.echo(json.dumps(found._asdict()))
        return
    console = tables()
    console.print(f"{found.model}. The population stability index of each day against the four weeks before them;")
    console.print(f"from {MOVED} on something has moved, from {SHIFTED} on it is another population. Train anew then.")
    table = Table("", *(day[5:] for day in found.days))
    order = sorted(found.features, key=lambda name: (name != SCORE, -max(map(_known, found.features[name]))))
    shown = [name for name in order if name == SCORE or max(map(_known, found.features[name])) >= MOVED]
    for name in shown:
        table.add_row(name.replace("_", " "), *(_figure("psi", psi) for psi in found.features[name]))
    console.print(table)
    console.print(f"{len(order) - len(shown)} features below {MOVED} on each day, or with too few movements to say.")
    table = Table("matured week until", "payments", "frauds", "expected", "calibration error")
    for week in found.weeks:
        counted = (str(week[name]) for name in ("until", "payments", "frauds", "expected"))
        table.add_row(*counted, _figure("calibration_error", week["calibration_error"]))
    console.print(
        table if found.weeks else "No week has matured yet: a payment counts once its time to be disputed is over."
    )


def _known(psi: float | None) -> float:
    return psi or 0.0


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector: it would look through half a million rows again and again, and none is garbage."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _simulated() -> TreeModel:
    """Trained on our own simulator's data, measured on another run of it."""
    seen = _watched(seed=1)
    model = trained(seen, trained_on=SIMULATED, with_amounts=False, note=SIMULATED_NOTE)
    card = {**model.card, "measured": measured(model, _watched(seed=2)), "measured_on": "another run of the simulator"}
    return TreeModel({**model.document, "card": card})


def _watched(*, seed: int) -> list[Seen]:
    rows = simulate_patterns(seed=seed, days=SIMULATED_DAYS)
    return list(Stream().watch(rows, lambda day: day >= SIMULATED_FROM_DAY))


def _write(model: TreeModel, out: Path) -> None:
    out.write_text(json.dumps(model.document, separators=(",", ":")) + "\n")


def _show(model: TreeModel, where: str) -> None:
    """The card, without the long list of what is usual."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{model.name} {where}".strip())
    for name, value in model.card.items():
        if name == "measured":
            value = ", ".join(f"{MEASURES[each]} {_figure(each, figure)}" for each, figure in value.items())
        if name != "usual":
            console.print(f"  {name.replace('_', ' ')}: {'any' if value is None else value}")


async def _noted(database: Database, act: str, version: str) -> None:
    by, now = operator(), utc(system_clock())
    await note_act(database, act=act, subject=version, by=by, via="command", details={}, now=now)


def _delay_days(data_dir: DataDir) -> int:
    return load_settings(data_dir=data_dir).label_delay_days


def _with_database(data_dir: DataDir, ask: Callable[[Database], Awaitable[Answer]]) -> Answer:
    settings = load_settings(data_dir=data_dir)
    configure_logs("WARNING", process="model")

    async def run() -> Answer:
        async with reach(settings) as uri, connect(uri, settings) as client:
            return await ask(client[settings.mongo_database])

    return asyncio.run(run())


def table_of(found: Bench) -> Table:
    """The model beside the rules, and beside what was published where that is about the same data."""
    table = Table("", *MEASURES.values())
    rows = {f"model, protocol {found.protocol}": found.model, f"rules alone, {MODEL}": found.rules}
    if found.published:
        rows["published best"] = found.published
    for name, row in rows.items():
        table.add_row(name, *(_figure(measure, row.get(measure)) for measure in MEASURES))
    return table


def _figure(measure: str, value: float | None) -> str:
    if value is None:
        return "–"
    digits = {"latency_us": 0, "calibration_error": 4}.get(measure, 3)
    return f"{value:.{digits}f}"
