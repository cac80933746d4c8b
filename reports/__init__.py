"""The finance staff's tool: what came in, what it did to money, what needs a person, what was refused, what may come next.

The map, in reading order; each part takes what the one before it gives:

    period      a day, week, month, quarter or FROM..TO, in its time zone        asked       that and the filters, checked
    table       the one value that everything is made of                         text        what came from outside, harmless
    reading     bounded queries, one after the other                             position    where the ledger stood
    flows       what was booked by day and source, in one pass                   history     the days before, kept
    sections/   each part of the report: its queries and its tables
    collect     the store → every table, and what must be true of them
    narrative/  the tables in words, each number looked up
    report      all of it as one value, and its JSON                             kept        closed periods, said once
    charts/     the tables as pictures: geometry
    formats/    the page, PDF, XLSX, CSV
    files       written whole, readable by their owner                           generate    the whole way
    plan        when reports are made regularly, and of what                     claim       which worker makes the one due
    schedule    the worker's part of it                                          shelf       their directory, with its index
"""
