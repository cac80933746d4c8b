"""Python runs this before a gateway process's own code, because the harness puts this folder first in PYTHONPATH.

`CRASH_INJECTIONS` names what to call, as `module:function` separated by commas. `site` would only print an exception and go on,
so one here ends the process: a gateway without its injections would pass every test.
"""

import os
import sys
import traceback
from importlib import import_module

for _name in filter(None, os.environ.get("CRASH_INJECTIONS", "").split(",")):
    try:
        _module, _, _function = _name.partition(":")
        getattr(import_module(_module), _function)()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(os.EX_SOFTWARE)
