"""What does it do to money? `PaymentEvent`s become balanced `Transaction`s, each effect once, in whatever order they come.

Reading order: posting_rules (the tables) · wallet · transaction · books (the fold) · lease (one writer) · writes ·
store.
"""
