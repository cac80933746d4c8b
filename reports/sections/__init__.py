"""The parts of a report, each a file: what it asks of the store, and the tables it makes of the answer."""
