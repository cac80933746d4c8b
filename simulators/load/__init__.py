"""Load: how many signed events per second the gateway acknowledges, and how many become insights.

In reading order: `presign` builds the requests before the clock runs, `pacing` says when each is due, `connection` sends
one at a time, `sender` is the process that runs many connections, `latency` reads its record; `server` starts and stops
the processes under load, and `ceiling` is one of them, the same server verifying without a database; `backlog` asks how
much waits to be applied, `pause` holds the worker still; `measure` is the story and `report` prints it.

Run it with `python -m simulators.load --help`.
"""
