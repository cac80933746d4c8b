"""`python -m simulators.fraud handbook|patterns [--days N] [--seed N]`: the rows as CSV on standard output."""

import argparse
import csv
import sys

from gateway.analysis.learning.rows import COLUMNS
from simulators.fraud import simulate_handbook, simulate_patterns


def main() -> None:
    """Write the file."""
    told = argparse.ArgumentParser(prog="python -m simulators.fraud", description=__doc__)
    told.add_argument("kind", choices=("handbook", "patterns"))
    told.add_argument("--days", type=int, default=136)
    told.add_argument("--seed", type=int, default=0)
    wanted = told.parse_args()
    simulate = simulate_handbook if wanted.kind == "handbook" else simulate_patterns
    lines = csv.writer(sys.stdout)
    lines.writerow(COLUMNS)
    for row in simulate(seed=wanted.seed, days=wanted.days):
        amount = f"{row.amount_minor / 100:.2f}"
        lines.writerow((int(row.time_s), row.customer, row.counterparty, amount, int(row.fraud)))


if __name__ == "__main__":
    main()
