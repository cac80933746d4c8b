"""Providers, attackers, a fake model endpoint, load and crash drivers: real HTTP against a real gateway.

Nothing here imports the gateway's verification or normalisation: the simulators are the second, independent reading of
the same published schemes, so a mistake in one is seen by the other.

    sources      who posts where, signed how, with which secret
    signing      the provider's side of each signature scheme
    traffic      a believable day of events, and what they should do to the wallets
    delivering   posts planned deliveries and counts the answers
    http         HTTP written by hand, for what a client library refuses to send
    providers    delivers that day:          python -m simulators.providers
    attacks      tries to get in without it: python -m simulators.attacks
    load         as much as it takes:        python -m simulators.load
    agents       how fast agents are answered: python -m simulators.agents
    crash        kills what it runs on:      python -m simulators.crash
"""
