"""The plain narrative: what a finance person would say of the tables, sentence by sentence, with nothing but their figures."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from reports.period import Period, day_words
from reports.table import Row, Table, grouped, money_text

CURRENCIES_MAX: Final = 4
"""That a sentence each is written about, by bookings; the tables have all."""

Tables = Mapping[str, Table]
Record = dict[str, Any]


def composed(tables: Tables, period: Period) -> list[str]:
    """In the order in which somebody who signs it off would ask."""
    said: list[str] = []
    for part in _PARTS:
        said += part(tables, period)
    return said


def _booked(tables: Tables, period: Period) -> Iterator[str]:
    totals = _totals(tables["by_source"])
    if not totals:
        yield f"Nothing was booked in this period, {period.words}."
        return
    for row in totals[:CURRENCIES_MAX]:
        money = _money(row["currency"])
        back = _join(
            [
                f"{money(row['refunded'])} went back as refunds" if row["refunded"] else "",
                f"{money(row['disputed'])} was taken back in disputes" if row["disputed"] else "",
            ]
        )
        yield (
            f"Customers paid {money(row['gross'])} in {row['currency']}{f'; {back}' if back else ''}. "
            f"The net is {money(row['net'])} from {_counted(row['transactions'], 'booking')}."
        )
    if len(totals) > CURRENCIES_MAX:
        yield "Further currencies are in the tables."


def _compared(tables: Tables, _: Period) -> Iterator[str]:
    if "compared" not in tables:
        return
    for row in tables["compared"].records():
        if row["measure"] == "Net" and row["change_rate"] is not None:
            way = "up" if row["change"] > 0 else "down" if row["change"] < 0 else "unchanged"
            by = f" {_rate(abs(row['change_rate']))}" if row["change"] else ""
            yield (
                f"The net in {row['currency']} is {way}{by} on the period before, "
                f"which had {_money(row['currency'])(row['previous'])}."
            )


def _strongest(tables: Tables, period: Period) -> Iterator[str]:
    if len(period.days) < 2:
        return
    for currency in _currencies(tables):
        days = [row for row in tables["by_day"].records() if row["currency"] == currency and row["gross"] > 0]
        if len(days) > 1:
            best = max(days, key=lambda row: (row["gross"], row["day"]))
            yield f"The strongest day in {currency} was {day_words(best['day'])} with {_money(currency)(best['gross'])}."


def _sources(tables: Tables, _: Period) -> Iterator[str]:
    for currency in _currencies(tables):
        rows = [row for row in tables["by_source"].records() if row["currency"] == currency]
        if len(rows) > 1:
            best = max(rows, key=lambda row: (row["net"], row["source"]))
            yield f"Most of the net in {currency} came through {best['source']}: {_money(currency)(best['net'])}."


def _success(tables: Tables, _: Period) -> Iterator[str]:
    if "success" not in tables:
        return
    for row in sorted(tables["success"].records(), key=lambda each: (-each["captured"], each["source"]))[
        :CURRENCIES_MAX
    ]:
        if row["success_rate"] is not None:
            yield (
                f"Of the payments in {row['currency']} through {row['source']}, {_rate(row['success_rate'])} succeeded: "
                f"{_count(row['captured'])} were paid and {_count(row['failed'])} failed."
            )
    reasons = list(tables["declines"].records())
    if reasons:
        yield (
            f"The most frequent reason of a failure was {reasons[0]['reason']} at {reasons[0]['source']} "
            f"({_counted(reasons[0]['payments'], 'payment')})."
        )


def _held(tables: Tables, _: Period) -> Iterator[str]:
    for row in tables["balances"].records():
        if row["account"] == "wallets" and row["currency"] in _currencies(tables):
            money = _money(row["currency"])
            yield f"Wallets in {row['currency']} held {money(row['opening'])} at the start and {money(row['closing'])} at the end."


def _open(tables: Tables, _: Period) -> Iterator[str]:
    for key in ("refunds_disputes", "payouts"):
        for row in tables[key].records():
            if row["oldest"] is not None:
                objects = _counted(row["objects"], row["kind"].lower())
                since = (
                    f"the oldest for {_counted(row['age_days'], 'day')}"
                    if row["age_days"]
                    else "none for a whole day yet"
                )
                yield (
                    f"At the end {objects} over {_money(row['currency'])(row['amount'])} {row['currency']} "
                    f"{'was' if row['objects'] == 1 else 'were'} {row['state'].lower()}, {since}."
                )


def _attention(tables: Tables, _: Period) -> Iterator[str]:
    table = tables["attention"]
    if not table.rows:
        yield "Nothing waits for a person."
        return
    more = f" and {_count(table.left_out)} more" if table.left_out else ""
    yield f"{_counted(len(table.rows), 'item')}{more} {'needs' if len(table.rows) == 1 and not more else 'need'} a person."
    for row in table.records():
        if row["kind"] == "Suspense":
            yield f"In suspense at {row['source']} stand {_money(row['currency'])(row['amount'])} {row['currency']}."


def _refused(tables: Tables, _: Period) -> Iterator[str]:
    if "refusals" not in tables:
        return
    total = _totals(tables["refusals"])
    if total:
        most = next(tables["refusals"].records())
        yield (
            f"The door refused {_counted(total[0]['requests'], 'request')}, most often for “{most['reason']}” at "
            f"{most['source']} ({_count(most['requests'])})."
        )


def _risk(tables: Tables, _: Period) -> Iterator[str]:
    high = [row for row in tables["risk_levels"].records() if row["level"] in ("Critical", "High")]
    if high:
        each = [f"{_count(row['events'])} {row['level'].lower()}" for row in high]
        yield f"The scorer called {_join(each)} {'event' if high[-1]['events'] == 1 else 'events'}; a person should look at them."


def _unusual(tables: Tables, _: Period) -> Iterator[str]:
    rows = list(tables["anomalies"].records())
    for row in rows[:CURRENCIES_MAX]:
        money = _money(row["currency"])
        yield (
            f"{row['measure']} on {day_words(row['day'])} was {money(row['amount'])} {row['currency']}, where "
            f"{money(row['usual'])} is usual for that weekday."
        )
    if len(rows) > CURRENCIES_MAX:
        yield f"Altogether {_count(len(rows))} such figures are unusual."


def _ahead(tables: Tables, _: Period) -> Iterator[str]:
    totals = {row["currency"]: row for row in _totals(tables["forecast"])}
    for row in tables["forecast_quality"].records():
        ahead = [each for each in tables["forecast"].records() if each["expected"] is not None]
        days = sum(1 for each in ahead if each["currency"] == row["currency"])
        if row["currency"] in _currencies(tables):
            yield (
                f"The {days} days that follow may bring {_money(row['currency'])(totals[row['currency']]['expected'])} "
                f"{row['currency']} gross, {_trusted(row)}."
            )


def _trusted(row: Record) -> str:
    """What the forecast's past error says."""
    if row["error"] is None:
        return "though too few days are known to say how good that is"
    better = "better" if row["naive_error"] is not None and row["error"] < row["naive_error"] else "no better"
    known = f"on the days already past its error was {row['error']}, {better} than repeating the last week"
    return known if row["naive_error"] is None else f"{known} ({row['naive_error']})"


def _settled(tables: Tables, _: Period) -> Iterator[str]:
    if "settlement" in tables:
        results = {row["result"]: row["rows"] for row in tables["settlement"].records()}
        wrong = [
            f"{_count(count)} {name.lower()}"
            for name, count in results.items()
            if count and name in ("Missing here", "Missing there", "Different amount", "Bad row")
        ]
        found = f"but {_join(wrong)}" if wrong else "and nothing differs"
        rows = _counted(results["Rows in the file"], "row")
        yield f"Of the settlement file's {rows} {_count(results['Matched'])} match, {found}."


_PARTS: Final[tuple[Callable[[Tables, Period], Iterator[str]], ...]] = (
    _booked,
    _compared,
    _strongest,
    _sources,
    _success,
    _held,
    _open,
    _attention,
    _refused,
    _risk,
    _unusual,
    _ahead,
    _settled,
)


def _totals(table: Table) -> list[Record]:
    names = [column.name for column in table.columns]
    totals: list[Row] = list(table.totals())
    records = [dict(zip(names, row, strict=True)) for row in totals]
    if "transactions" in names:
        records.sort(key=lambda record: (-int(str(record["transactions"])), str(record["currency"])))
    return records


def _currencies(tables: Tables) -> list[str]:
    return [row["currency"] for row in _totals(tables["by_source"])[:CURRENCIES_MAX]]


def _money(currency: str) -> Callable[[int], str]:
    return lambda minor: grouped(money_text(minor, currency))


def _count(number: int) -> str:
    return f"{number:,}"


def _counted(number: int, noun: str) -> str:
    return f"{_count(number)} {noun}{'' if number == 1 else 's'}"


def _rate(value: object) -> str:
    return f"{value} %"


def _join(parts: list[str]) -> str:
    """ "a, b and c", of those that say something."""
    said = [part for part in parts if part]
    return " and ".join([", ".join(said[:-1]), said[-1]]) if len(said) > 1 else "".join(said)
