"""One web process: uvicorn, set up once for the gateway and for whoever measures against it."""

import gc
import socket

import uvicorn
import uvloop
from starlette.types import ASGIApp

from gateway.ingress.bounded_http import BoundedHttp
from gateway.settings import Settings
from gateway.supervisor import on_orphaned


def run_web(app: ASGIApp, settings: Settings, fd: int) -> None:
    """Serve `app` on the inherited listening socket `fd` until SIGTERM, or until the supervisor is gone."""
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=BoundedHttp,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        limit_concurrency=settings.connections_max,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
    )
    server = uvicorn.Server(config)
    calm_garbage_collection()

    async def run() -> None:
        on_orphaned(lambda: setattr(server, "should_exit", True))
        await server.serve(sockets=[socket.socket(fileno=fd)])

    uvloop.run(run())


def calm_garbage_collection() -> None:
    """What is loaded by now stays for good and is never looked through again; the young are looked through less often.

    Untuned, a full collection over the writer's memory costs 0.4 s now and then, which is seen in the slowest answers.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
