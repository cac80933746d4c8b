"""A seeded day of payment events in the providers' own shapes, and what they should do to the wallets.

cast → stories (stripe, razorpay, standard, native) → day → delivery
"""

from simulators.traffic.day import day_end_before, simulate_day
from simulators.traffic.delivery import Send, plan_deliveries
from simulators.traffic.item import Effect, Item, Posting, expected_balances

__all__ = [
    "Effect",
    "Item",
    "Posting",
    "Send",
    "day_end_before",
    "expected_balances",
    "plan_deliveries",
    "simulate_day",
]
