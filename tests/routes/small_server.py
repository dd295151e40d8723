"""A process with 512 file descriptors that serves `/` on the port of its first argument, as `hub serve` does."""

import asyncio
import resource
import sys

from aiohttp import web
from prometheus_client import CollectorRegistry

from routes.web.connections import ConnectionLimit, LimitedRunner, compute_max_connections, get_descriptor_limit


async def here(_: web.Request) -> web.Response:
    return web.Response(text="here")


async def main(port: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512))
    app = web.Application()
    app.router.add_get("/", here)
    most = compute_max_connections(get_descriptor_limit())
    limit = ConnectionLimit(
        max_connections=most, header_timeout=60.0, registry=CollectorRegistry(), new_request_id=lambda: "id"
    )
    runner = LimitedRunner(app, limit, shutdown_timeout=1.0, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
