"""`python -m reports`: the same as `gateway report`."""

import sys

from gateway.cli import main

sys.argv.insert(1, "report")
main()
