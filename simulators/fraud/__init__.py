"""Labelled payments with fraud in them, from a seed: what models are trained and measured on where no real labels are.

handbook    the Fraud Detection Handbook's simulator, from its published description
patterns    our own: card testing, account takeover, compromised counterparty, refund abuse

`python -m simulators.fraud handbook --days 136 > FILE.csv` writes either as a file that `gateway model bench --data` reads.
"""

from simulators.fraud.handbook import simulate_handbook
from simulators.fraud.patterns import simulate_patterns

__all__ = ["simulate_handbook", "simulate_patterns"]
