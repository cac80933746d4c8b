"""One web process: uvicorn, set up once for the gateway and for whoever measures against it."""

import socket

import uvicorn
import uvloop
from starlette.types import ASGIApp

from gateway.garbage import calm_garbage_collection
from gateway.ingress.bounded_http import BODY_TIMEOUT_S, bounded_http
from gateway.ingress.proxies import trusted_networks
from gateway.settings import Settings
from gateway.supervisor import on_orphaned


def run_web(app: ASGIApp, settings: Settings, fd: int) -> None:
    """Serve `app` on the inherited listening socket `fd` until SIGTERM, or until the supervisor is gone."""
    http = bounded_http(
        connections_max=settings.connections_max,
        connections_per_address_max=settings.connections_per_address_max,
        headers_max=settings.headers_max,
        head_timeout_s=settings.head_timeout_s,
        body_timeout_s=max(BODY_TIMEOUT_S, settings.body_timeout_s + 5),  # the endpoint's own comes first and says more
        proxies=trusted_networks(settings.trusted_proxies),
    )
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=http,
        ws="none",
        log_config=None,
        log_level="error",  # a warning for each request that is no HTTP would let anybody fill the disk
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=10,
    )
    server = uvicorn.Server(config)
    calm_garbage_collection()

    async def run() -> None:
        on_orphaned(lambda: setattr(server, "should_exit", True))
        await server.serve(sockets=[socket.socket(fileno=fd)])

    uvloop.run(run())
