"""The plain narrative: what a finance person would say of the tables, sentence by sentence, with nothing but their figures."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from reports.period import Period, day_words
from reports.table import Row, Table, grouped, money_text

CURRENCIES_MAX: Final = 4
"""That a paragraph each is written about, by bookings; the tables have all."""
UNUSUAL_MAX: Final = 3

Tables = Mapping[str, Table]
Record = dict[str, Any]


def composed(tables: Tables, period: Period) -> list[str]:
    """Paragraphs, in the order in which somebody who signs the report off would ask."""
    if not tables["by_source"].rows:
        booked = [f"Nothing was booked in this period, {period.words}."]
    else:
        booked = [_of_currency(tables, period, row) for row in _totals(tables["by_source"])[:CURRENCIES_MAX]]
        if len(_totals(tables["by_source"])) > CURRENCIES_MAX:
            booked.append("Further currencies are in the tables.")
    parts = (_success, _settled, _open, _attention, _refused_and_risky, _unusual, _ahead)
    return [*booked, *(said for part in parts if (said := " ".join(part(tables))))]


def _of_currency(tables: Tables, period: Period, row: Record) -> str:
    currency, money = row["currency"], _money(row["currency"])
    back = _join(
        [
            f"{money(row['refunded'])} went back as refunds" if row["refunded"] else "",
            f"{money(row['disputed'])} was taken back in disputes" if row["disputed"] else "",
        ]
    )
    said = [
        f"Customers paid {money(row['gross'])} {currency}{f'; {back}' if back else ''}.",
        f"The net is {money(row['net'])} {currency} from {_counted(row['transactions'], 'booking')}"
        f"{_change(tables, currency)}.",
        *_main_source(tables, currency),
        *_strongest(tables, period, currency),
        *_held(tables, currency),
    ]
    return " ".join(said)


def _change(tables: Tables, currency: str) -> str:
    rows = tables["compared"].records() if "compared" in tables else iter(())
    for row in rows:
        if (row["currency"], row["measure"]) == (currency, "Net") and row["change_rate"] is not None:
            before = _money(currency)(row["previous"])
            if not row["change"]:
                return f", the same as in the period before ({before})"
            way = "more" if row["change"] > 0 else "less"
            return f", {_rate(abs(row['change_rate']))} {way} than in the period before ({before})"
    return ""


def _main_source(tables: Tables, currency: str) -> Iterator[str]:
    rows = [row for row in tables["by_source"].records() if row["currency"] == currency]
    if len(rows) > 1:
        best = max(rows, key=lambda row: (row["net"], row["source"]))
        yield f"Most of it came through {best['source']} ({_money(currency)(best['net'])})."


def _strongest(tables: Tables, period: Period, currency: str) -> Iterator[str]:
    days = [row for row in tables["by_day"].records() if row["currency"] == currency and row["gross"] > 0]
    if len(days) > 1:
        best = max(days, key=lambda row: (row["gross"], row["day"]))
        yield f"The strongest day was {day_words(best['day'])} with {_money(currency)(best['gross'])}."


def _held(tables: Tables, currency: str) -> Iterator[str]:
    for row in tables["balances"].records():
        if (row["account"], row["currency"]) == ("wallets", currency):
            money = _money(currency)
            yield f"All wallets together held {money(row['opening'])} at the start and {money(row['closing'])} at the end."


def _success(tables: Tables) -> Iterator[str]:
    if "success" not in tables:
        return
    rows = [row for row in tables["success"].records() if row["success_rate"] is not None]
    rows = sorted(rows, key=lambda row: (row["success_rate"], row["source"], row["currency"]))
    if rows:
        worst, best = rows[0], rows[-1]
        yield f"Of the payments through {best['source']} in {best['currency']}, {_rate(best['success_rate'])} succeeded."
        if len(rows) > 1:
            yield (
                f"The lowest rate had {worst['source']} in {worst['currency']} with {_rate(worst['success_rate'])}: "
                f"{_count(worst['captured'])} were paid and {_count(worst['failed'])} failed."
            )
    reasons = [row for row in tables["declines"].records() if not row["reason"].startswith("(")]
    if reasons:
        yield (
            f"The most frequent reason of a failure was {reasons[0]['reason']} at {reasons[0]['source']} "
            f"({_counted(reasons[0]['payments'], 'payment')})."
        )


def _open(tables: Tables) -> Iterator[str]:
    """One sentence for each kind and state, its currencies side by side."""
    standing: dict[tuple[str, str], list[str]] = {}
    for key in ("refunds_disputes", "payouts"):
        for row in tables[key].records():
            if row["oldest"] is not None:
                age = f"oldest {_counted(row['age_days'], 'day')}" if row["age_days"] else "none a whole day old"
                each = (
                    f"{_count(row['objects'])} over {_money(row['currency'])(row['amount'])} {row['currency']} ({age})"
                )
                standing.setdefault((row["kind"].lower(), row["state"].lower()), []).append(each)
    for (kind, state), said in standing.items():
        yield f"At the end these {kind}s were {state}: {_join(said)}."


def _attention(tables: Tables) -> Iterator[str]:
    table = tables["attention"]
    if not table.rows:
        yield "Nothing waits for a person."
        return
    more = f" and {_count(table.left_out)} more" if table.left_out else ""
    yield f"{_counted(len(table.rows), 'item')}{more} {'needs' if len(table.rows) == 1 and not more else 'need'} a person."
    suspense = [row for row in table.records() if row["kind"] == "Suspense"]
    if suspense:
        each = [f"{_money(row['currency'])(row['amount'])} {row['currency']} at {row['source']}" for row in suspense]
        yield f"Money that names no wallet stands in suspense: {_join(each)}."


def _refused_and_risky(tables: Tables) -> Iterator[str]:
    total = _totals(tables["refusals"]) if "refusals" in tables else []
    if total:
        most = next(tables["refusals"].records())
        yield (
            f"The door refused {_counted(total[0]['requests'], 'request')}, most often for “{most['reason']}” at "
            f"{most['source']} ({_count(most['requests'])})."
        )
    high = [row for row in tables["risk_levels"].records() if row["level"] in ("Critical", "High")]
    if high:
        each = [f"{_count(row['events'])} {row['level'].lower()}" for row in high]
        single = [row["events"] for row in high] == [1]
        yield f"The scorer called {_join(each)}; a person should look at {'it' if single else 'them'}."


def _unusual(tables: Tables) -> Iterator[str]:
    rows = list(tables["anomalies"].records())
    for row in rows[:UNUSUAL_MAX]:
        money = _money(row["currency"])
        yield (
            f"{row['measure']} on {day_words(row['day'])} was {money(row['amount'])} {row['currency']}, where "
            f"{money(row['usual'])} is usual for that weekday."
        )
    if len(rows) > UNUSUAL_MAX:
        yield f"Altogether {_count(len(rows))} such figures are unusual."


def _ahead(tables: Tables) -> Iterator[str]:
    totals = {row["currency"]: row for row in _totals(tables["forecast"])}
    ahead = [each for each in tables["forecast"].records() if each["expected"] is not None]
    for row in tables["forecast_quality"].records():
        days = sum(1 for each in ahead if each["currency"] == row["currency"])
        if row["currency"] in _currencies(tables):
            yield (
                f"The {days} days that follow may bring {_money(row['currency'])(totals[row['currency']]['expected'])} "
                f"{row['currency']} gross; {_trusted(row)}."
            )


def _trusted(row: Record) -> str:
    """What the forecast's past error says."""
    if row["error"] is None:
        return "too few days are known to say how good that is"
    known = f"on the days already past its error was {row['error']}"
    if row["naive_error"] is None:
        return known
    better = "less than" if row["error"] < row["naive_error"] else "no less than"
    return f"{known}, {better} that of repeating the last week ({row['naive_error']})"


def _settled(tables: Tables) -> Iterator[str]:
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
