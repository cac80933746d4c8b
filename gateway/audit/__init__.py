"""Is what is stored true? Every invariant of the ledger, checked on the live store by code that shares nothing with the writer.

    findings    what was checked and what was found, one check per invariant
    records     stored documents as typed values; one that cannot be read is a finding, not a crash
    reading     one moment of the store, streamed in order and joined in order
    tables      the state machines and their effects, written a second time
    wallets     sequence, legs, folds                         I3 I4 I5 I14
    objects     effects, holds, edges, refunds                I2 I6 I7 I8
    events      outcomes, contents, refusals                  I1 I9 I10 I14
    chain       the links of the sealed chain, computed anew
    proof       that everything is sealed and unchanged       I12
    past        balances at past moments                      I13
    report      all of them, as one report
    schedule    the same every hour, in a process of its own, with alerts
    export_file a file of rows, CSV or JSON, one row at a time
    settlement  what each row of a provider's export says
    reconcile   that export against the ledger

It reads documents with the plain driver and imports nothing of the ledger's apply path or of the normalisers: a fault there
must not be able to hide itself here.
"""
