"""`gateway events`: find stored events, look at one, send events through the pipeline again."""

from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from gateway.access.acts import SUBJECTS_NAMED_MAX, note_act
from gateway.access.keys import Database
from gateway.cli.keys import with_database
from gateway.cli.options import DataDir, operator, tables
from gateway.cli.written import indented, visible
from gateway.clock import system_clock, utc
from gateway.encryption import Cipher, open_cipher
from gateway.errors import BadRequest, Conflict, NotFound
from gateway.events.at_rest import plain_body
from gateway.events.replay import SKIP_WORDS, Plan, Skip, plan_replay, put_back
from gateway.queries.event_filter import EventFilter, event_filter
from gateway.queries.event_list import EventPage, list_events, matching_ids
from gateway.queries.events import EventStatus, event_status
from gateway.queries.reading import identifier
from gateway.settings import load_settings

app = typer.Typer(help="Stored events: find them, look at one, replay them.", no_args_is_help=True)

REPLAYED_MAX = 100_000
"""Events of one replay: what their plan needs in memory is some 50 MB."""

EventId = Annotated[str, typer.Argument(metavar="ID", help="The event_id that the 202 gave.")]
Source = Annotated[str | None, typer.Option(help="Only events of this source.")]
Type = Annotated[str | None, typer.Option("--type", help="Only types like this; * and ? as in a shell: 'payment.*'.")]
Outcome = Annotated[str | None, typer.Option(help="waiting, applied, parked, rejected, stale or ignored.")]
Reason = Annotated[str | None, typer.Option(help="Only reasons that contain this.")]
Since = Annotated[str | None, typer.Option(help="Arrived at or after: an ISO date or time, UTC.")]
Until = Annotated[str | None, typer.Option(help="Arrived before: an ISO date or time, UTC.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output instead of a table.")]


@app.command("list")
def list_(
    source: Source = None,
    type_: Type = None,
    outcome: Outcome = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(help="Events of a page, at most 100.")] = 20,
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended, as it told.")] = None,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """List events, newest first, with what became of them and what makes the worker try a parked one again."""
    wanted = _filter(source, type_, outcome, reason, since, until)
    page = with_database(data_dir, lambda database: list_events(database, wanted, limit=limit, cursor=cursor))
    if as_json:
        _print_json(page.model_dump())
    else:
        _print_page(page)


@app.command()
def show(
    event_id: EventId,
    body: Annotated[bool, typer.Option("--body", help="Also what was sent. That you read it is kept.")] = False,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Show everything about one event: identity, signature, outcome, next try, transactions, insight, replays."""
    cipher = open_cipher(load_settings(data_dir=data_dir)) if body else None
    status, text = with_database(data_dir, lambda database: _shown(database, event_id, cipher))
    if as_json:
        _print_json(status.model_dump() | ({"body": text} if text is not None else {}))
        return
    _print_status(status)
    if text is not None:
        print(indented(text))


@app.command()
def replay(
    event_ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]…", help="Events; or filter them.")] = None,
    source: Source = None,
    type_: Type = None,
    outcome: Outcome = None,
    reason: Reason = None,
    since: Since = None,
    until: Until = None,
    ignore_seen: Annotated[
        bool, typer.Option("--ignore-seen", help="Also what is applied or stale. Money does not move twice.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    limit: Annotated[int, typer.Option(help="The newest of those that match; at most 100000.")] = 1_000,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before several events go.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Put events back into the queue: the worker handles them as any other. By id, or all that match a filter."""
    wanted = _filter(source, type_, outcome, reason, since, until)
    named = list(dict.fromkeys(identifier(event_id) for event_id in event_ids or []))
    if bool(named) == (wanted != EventFilter()):
        raise BadRequest("Name events, or give a filter such as --outcome parked; not both, and not neither.")
    if not 1 <= limit <= REPLAYED_MAX:
        raise BadRequest(f"limit is 1 to {REPLAYED_MAX}.")

    async def plan(database: Database) -> Plan:
        found = named or await matching_ids(database, wanted, limit=limit)
        alone = len(named) == 1
        return await plan_replay(database["events"], found, ignore_seen=ignore_seen, alone=alone)

    planned = with_database(data_dir, plan)
    _print_plan(planned, single=len(named) == 1)
    if dry_run or not planned.going:
        return
    if (len(named) != 1 or planned.told_no) and not yes:
        typer.confirm("Replay?", abort=True)
    details = {"filter": wanted.to_document(), "ignore_seen": ignore_seen}
    done = with_database(data_dir, lambda database: _put_back(database, planned, details))
    _say(f"{done} of {len(planned.going)} wait for the worker again.")


@app.command()
def retry(event_id: EventId, data_dir: DataDir = None) -> None:
    """The same as `replay ID`."""
    replay([event_id], data_dir=data_dir)


def _filter(
    source: str | None, type_: str | None, outcome: str | None, reason: str | None, since: str | None, until: str | None
) -> EventFilter:
    return event_filter(
        {"source": source, "type": type_, "outcome": outcome, "reason": reason, "since": since, "until": until}
    )


async def _shown(database: Database, event_id: str, cipher: Cipher | None) -> tuple[EventStatus, str | None]:
    """With a cipher also what was sent, after it is noted who reads it. Raises `NotFound` and `CannotDecrypt`."""
    status = await event_status(database, event_id)
    if cipher is None:
        return status, None
    stored = await database["events"].find_one({"_id": event_id}, {"body": 1, "body_key": 1, "body_removed_at": 1})
    body = plain_body(stored or {}, event_id, cipher)
    await note_act(
        database,
        act="event.read_body",
        subject=event_id,
        by=operator(),
        via="command",
        details={"source": status.source, "bytes": len(body)},
        now=utc(system_clock()),
    )
    return status, body.decode(errors="backslashreplace")


async def _put_back(database: Database, plan: Plan, details: dict[str, Any]) -> int:
    """Who does it is noted first: what is done has an entry, however it ends."""
    by, now = operator(), utc(system_clock())
    event_ids = plan.event_ids
    counts = {"count": len(event_ids), "outcomes": plan.by_outcome, "skipped": plan.by_skip, "told_no": plan.told_no}
    named = {"event_ids": event_ids[:SUBJECTS_NAMED_MAX]}
    await note_act(
        database,
        act="event.replay",
        subject=event_ids[0] if len(event_ids) == 1 else "events",
        by=by,
        via="command",
        details={**details, **counts, **named},
        now=now,
    )
    return await put_back(database["events"], plan, by=by, now=now)


def _print_plan(plan: Plan, *, single: bool) -> None:
    """What goes and what stays. Raises `NotFound` and `Conflict` for the one event that was named and stays."""
    if single:
        for event_id, skip in plan.skipped.items():
            raise (NotFound if skip is Skip.UNKNOWN else Conflict)(f"{event_id}: {SKIP_WORDS[skip]}.")
    _say(f"{len(plan.going)} go: {_counted(plan.by_outcome)}." if plan.going else "None goes.")
    for name, count in plan.by_skip.items():
        _say(f"{count} stay: {SKIP_WORDS[Skip(name)]}.")
    for event_id in plan.told_no:
        _say(
            f"{event_id} was rejected and its asker was told no; if it is applied now, the money goes out all the same."
        )


def _counted(counts: Any) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _print_page(page: EventPage) -> None:
    fixed = [Column(name, no_wrap=True) for name in ("received (UTC)", "event", "source", "type", "outcome")]
    table = Table(*fixed, "reason", Column("next try", no_wrap=True), box=None, pad_edge=False)
    for event in page.events:
        told = (event.event_id, event.source, event.type, event.outcome, event.reason, event.next_try)
        table.add_row(f"{event.received_at:%Y-%m-%d %H:%M:%S}", *(_cell(text) for text in told))
    tables().print(table)
    if page.scanned_back_to:
        _say(f"The search was cut at {page.scanned_back_to:%Y-%m-%dT%H:%M:%SZ}: what is older was not looked at.")
    if page.next_cursor:
        _say(f"More: --cursor {page.next_cursor}")


def _print_status(status: EventStatus) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    fields = status.model_dump(mode="json")
    insight, replays = fields.pop("insight"), fields.pop("replays")
    for name, value in fields.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        table.add_row(name.replace("_", " "), _cell(shown))
    if insight:
        reasons = "; ".join(reason["text"] for reason in insight["reasons"])
        table.add_row("insight", _cell(f"{insight['level']} ({insight['score']}): {reasons}"))
    for each in replays:
        table.add_row("replayed", _cell(f"{each['at']} by {each['by']}: {each['outcome']}, {each['reason']}"))
    tables().print(table)


def _cell(value: object) -> str:
    """Text for a terminal: whatever a provider named itself, it draws no colours and moves no cursor."""
    return "" if value is None else escape(visible(str(value)))


def _print_json(document: object) -> None:
    print(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode())


def _say(text: str) -> None:
    Console(highlight=False, soft_wrap=True, markup=False).print(text)
