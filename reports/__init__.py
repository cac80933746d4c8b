"""The finance staff's report: what came in, what it did to money, what was refused, and what deserves a look.

The map, in reading order; each file takes what the one before it gives:

    books         the money values: amounts that add only within one currency, flows, accounts, wallets
    figures       all other values of a report, and the report itself; immutable
    queries       the aggregation pipelines, as data
    rows          what the pipelines answer → figures; text from outside is made harmless here
    insight_rows  the same for the risk part
    collect       the store → Figures, from one moment of it
    chart         amounts over time → the geometry of one drawing
    render        Figures → HTML and JSON, both from the same values
    generate      the whole way: a period in, two private files out
"""
