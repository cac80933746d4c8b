"""`python -m reports`: the same as `gateway report`."""

import sys

from rich.console import Console

from gateway.cli.reporting import main
from gateway.errors import GatewayError

try:
    main()
except GatewayError as wrong:
    Console(stderr=True, soft_wrap=True, markup=False, highlight=False).print(str(wrong))
    sys.exit(1)
