"""`python -m gateway.audit`: the audit as JSON from a process that loads nothing of the writer. Exit code 0 or 1.

`gateway audit` is the same for people. The worker runs this one on its schedule.
"""

import asyncio
import sys

import orjson

from gateway.audit.report import Report, audit
from gateway.encryption import open_cipher
from gateway.errors import GatewayError
from gateway.mongo.client import connect, reach
from gateway.mongo.history import history_kept
from gateway.settings import Settings, load_settings


def main() -> int:
    try:
        report = asyncio.run(_audit(load_settings()))
    except GatewayError as failed:
        print(failed, file=sys.stderr)
        return 2
    print(orjson.dumps(report.to_document(), option=orjson.OPT_UTC_Z).decode())
    return 0 if report.ok else 1


async def _audit(settings: Settings) -> Report:
    cipher = open_cipher(settings)
    async with reach(settings) as uri, connect(uri, settings) as client, history_kept(client, settings, uri):
        return await audit(client[settings.mongo_database], cipher)


if __name__ == "__main__":
    sys.exit(main())
