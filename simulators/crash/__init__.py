"""Tries to make a gateway lose money or book it twice: real processes, real traffic, and a fault in each round.

    plan         one seed, one list of faults
    deliveries   the events of a round, some twice, some altered, refunds before their captures
    digits       amounts that make a balance name the events in it
    provider     sends until it is answered, and remembers what it was promised
    processes    the gateway's processes: started, found, killed, started again
    control      what the harness tells those processes, and hears from them
    points       inside them: named points to die at, a clock that can be stepped
    faults       does what the plan says
    recovery     how long until all is well again
    check        what is stored against what was promised
    run          the rounds, and what they came to

Nothing of the gateway is built for this: `injected/sitecustomize.py` is put before its own code by PYTHONPATH. The check reads
stored documents and an independent model; of the gateway it uses nothing but the address of its private MongoDB.
"""
