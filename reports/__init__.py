"""The finance staff's report: what came in, what it did to money, what was refused, and what deserves a look.

The map, in reading order; each file takes what the one before it gives:

    books      the money values: amounts that add only within one currency, flows, accounts, wallets
    figures    all values of a report, immutable
    collect    stored documents → Figures, from one moment of the store
    queries    the aggregation pipelines of `collect`, as data
    chart      amounts over time → the geometry of one drawing
    render     Figures → HTML and JSON, both from the same values
    generate   the whole way: a period in, two private files out
"""
