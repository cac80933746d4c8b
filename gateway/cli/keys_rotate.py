"""`gateway keys rotate-encryption`: what is kept at rest goes under another key while the gateway runs."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer
from pymongo.errors import PyMongoError
from rich.console import Console

from gateway.access.acts import note_act
from gateway.access.keys import Database
from gateway.cli.options import DataDir, operator
from gateway.clock import system_clock, utc
from gateway.encryption import KEY_FILE, REFRESH_S, Cipher, add_key, open_cipher
from gateway.errors import StoreUnavailable
from gateway.events.reseal import Resealed, reseal
from gateway.mongo.client import connect, reach
from gateway.mongo.known_keys import keep_on_record, register_keys
from gateway.monitoring.logs import configure_logs
from gateway.settings import Settings, load_settings

New = Annotated[
    bool | None,
    typer.Option(
        "--new/--no-new",
        help="Add a new key to the key file first. Default: yes, but with ENCRYPTION_KEY no, there you add it yourself.",
    ),
]


def rotate_encryption(new: New = None, data_dir: DataDir = None) -> None:
    """Seal again, under the present key, every stored body and secret that is under another one. Runs beside the gateway.

    It may be ended and begun again at any time (with --no-new). Exit code 1 when something is left under an old key.
    """
    settings = load_settings(data_dir=data_dir)
    configure_logs("WARNING", process="keys")
    own_file = not settings.encryption_key.get_secret_value()
    try:
        done = asyncio.run(_rotate(settings, new=own_file if new is None else new))
    except PyMongoError as failed:
        raise StoreUnavailable(
            f"MongoDB did not answer ({type(failed).__name__}). What was done stays done: "
            "go on with `gateway keys rotate-encryption --no-new`."
        ) from failed
    raise typer.Exit(code=0 if done.finished else 1)


async def _rotate(settings: Settings, *, new: bool) -> Resealed:
    told = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    async with reach(settings) as uri, connect(uri, settings) as client:
        database = client[settings.mongo_database]
        cipher = open_cipher(settings)
        await register_keys(database, cipher, now=utc(system_clock()))
        if new:
            key_id = add_key(settings)
            cipher.refresh()
            await register_keys(database, cipher, now=utc(system_clock()))
            await _note(database, "encryption.add_key", key_id, {})
            told.print(f"Key {key_id} is added to {settings.data_dir / KEY_FILE}; running processes take it up now.")
            await asyncio.sleep(2 * REFRESH_S)
        done = await reseal(database, cipher, tell=_Progress(told).tell)
        unused = [key_id for key_id in cipher.key_ids if key_id not in done.keys_in_use] if done.finished else []
        if done.finished:
            await keep_on_record(database, done.keys_in_use)
        details = {"sealed": done.sealed, "finished": done.finished, "not_opened": done.unopened_count}
        await _note(database, "encryption.rotate", cipher.key_id, {**details, "unused_keys": unused})
    _tell_end(done, cipher, unused, settings)
    return done


async def _note(database: Database, act: str, key_id: str, details: dict[str, object]) -> None:
    now = utc(system_clock())
    await note_act(database, act=act, subject=key_id, by=operator(), via="command", details=details, now=now)


class _Progress:
    """A line now and then; nobody wants one per page."""

    EVERY_S = 5.0

    def __init__(self, told: Console) -> None:
        self._told = told
        self._next_at = 0.0

    def tell(self, so_far: Resealed) -> None:
        now = system_clock()
        if now >= self._next_at:
            self._next_at = now + self.EVERY_S
            self._told.print(f"{so_far.looked_at:,} records looked at, {so_far.sealed:,} sealed again …")


def _tell_end(done: Resealed, cipher: Cipher, unused: Sequence[str], settings: Settings) -> None:
    out = Console(soft_wrap=True, highlight=False, markup=False)
    out.print(f"{done.looked_at:,} records looked at, {done.sealed:,} sealed again under {cipher.key_id}.")
    for record, why in done.unopened.items():
        out.print(f"{record}: {why}")
    if done.unopened_count:
        out.print(f"{done.unopened_count:,} records do not open and stay as they are; no key may be removed.")
    elif not done.finished:
        out.print("New records still come under another key: restart the processes that do not know the present one.")
    where = "ENCRYPTION_KEY" if settings.encryption_key.get_secret_value() else str(settings.data_dir / KEY_FILE)
    for key_id in unused:
        place = cipher.key_ids.index(key_id) + 1
        out.print(f"Key {key_id} ({where}, number {place}) opens nothing that is stored; it may be removed there.")
    if unused:
        out.print("Keep a removed key as long as you keep a backup from before today: that opens with it alone.")
