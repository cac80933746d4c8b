"""Remember before acting: a verified delivery is stored durably, then read for what it says about money.

Reading order: event · standing (what waits, what is stuck) · group_commit · store (append, claim) · normalise
(provider's words → `PaymentEvent`).
"""
