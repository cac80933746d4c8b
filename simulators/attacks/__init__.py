"""Named attacks on a running gateway: what each tries, what a gateway that holds answers, and what it got.

signatures · freshness · content · transport · framing · keys   the attacks, as tables
run                                                             sends them and judges the answers

python -m simulators.attacks --url http://127.0.0.1:8000
"""

from simulators.attacks.attack import Attack, Result, Target
from simulators.attacks.run import ATTACKS, attack
from simulators.attacks.table import results_table

__all__ = ["ATTACKS", "Attack", "Result", "Target", "attack", "results_table"]
