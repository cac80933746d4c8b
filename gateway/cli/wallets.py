"""`gateway wallets`: how far an owner may go, and what the owner has."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from gateway.access.acts import note_act
from gateway.cli.options import DataDir, operator
from gateway.clock import system_clock, utc
from gateway.errors import NotFound
from gateway.ledger.limits import Limits, read_limits
from gateway.ledger.owners import Database, Decision, decisions, set_level
from gateway.mongo.client import connect, reach
from gateway.monitoring.logs import configure_logs
from gateway.queries.allowance import WalletAllowance, wallet_allowance
from gateway.queries.wallets import wallet_balances
from gateway.settings import load_settings

app = typer.Typer(help="Wallets: an owner's KYC level, balances and limits.", no_args_is_help=True)
Answer = TypeVar("Answer")

Owner = Annotated[str, typer.Argument(help="The owner, as the wallets name it.")]


@app.command()
def level(
    owner: Owner,
    kyc_level: Annotated[
        str, typer.Argument(metavar="LEVEL", help="One of the levels of KYC_LIMITS, such as ADVANCED.")
    ],
    data_dir: DataDir = None,
) -> None:
    """Give an owner a KYC level: it decides the owner's transfers and withdrawals from now on. Who did it is kept."""

    async def decide(database: Database, limits: Limits) -> Decision:
        by, now = operator(), utc(system_clock())
        decided = await set_level(database, owner, kyc_level, limits=limits, by=by, now=now)
        details = {"kyc_level": decided.kyc_level}
        await note_act(database, act="wallet.level", subject=owner, by=by, via="command", details=details, now=now)
        return decided

    decided = _with_database(data_dir, decide)
    Console(highlight=False, markup=False).print(f"{owner} has level {decided.kyc_level}, by {decided.by}.")


@app.command()
def show(owner: Owner, data_dir: DataDir = None) -> None:
    """Show an owner's level with who gave it, and each wallet with what is left of its limits."""
    allowances, decided = _with_database(data_dir, lambda database, limits: _found(database, owner, limits))
    console = Console(highlight=False, markup=False)
    for decision in decided:
        console.print(f"{decision.kyc_level} since {decision.at:%Y-%m-%d %H:%M} UTC, by {decision.by}")
    if not decided and allowances:
        console.print(f"{allowances[0].kyc_level}, the default")
    table = Table("wallet", "balance", "locked", "available", "left today", "left this month")
    for each in allowances:
        left = (each.daily_remaining or "no limit", each.monthly_remaining or "no limit")
        table.add_row(each.wallet_id, each.balance, each.locked_balance, each.available_balance, *left)
    console.print(table)


async def _found(database: Database, owner: str, limits: Limits) -> tuple[list[WalletAllowance], list[Decision]]:
    """Raises `NotFound` for a name that has neither a wallet nor a level."""
    decided = await decisions(database, owner)
    try:
        balances = (await wallet_balances(database, owner)).balances
    except NotFound:
        if not decided:
            raise
        balances = []
    now = utc(system_clock())
    return [await wallet_allowance(database, each.wallet_id, limits=limits, now=now) for each in balances], decided


def _with_database(data_dir: DataDir, ask: Callable[[Database, Limits], Awaitable[Answer]]) -> Answer:
    settings = load_settings(data_dir=data_dir)
    limits = read_limits(settings.kyc_limits, settings.kyc_level_default)
    configure_logs("WARNING", process="wallets")

    async def run() -> Answer:
        async with reach(settings) as uri, connect(uri, settings) as client:
            return await ask(client[settings.mongo_database], limits)

    return asyncio.run(run())
