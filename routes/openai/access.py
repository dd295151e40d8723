"""The gate for clients that speak OpenAI's wire: whatever goes wrong is told in its envelope."""

from dataclasses import dataclass

import orjson
from aiohttp import web

from routes.openai.schemas import envelope, error_headers, status_of, unrouted
from routes.web.access import Gate
from routes.web.endpoint import Endpoint
from routes.web.endpoint_api import VISIT
from routes.web.problems import from_exception


@dataclass(frozen=True, slots=True)
class OpenAIGate:
    gate: Gate

    async def serve(self, endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
        """See Gate.serve; raises nothing but that the client has gone."""
        try:
            return await self.gate.serve(endpoint, request)
        except (ConnectionResetError, web.HTTPException):
            raise
        except Exception as error:  # noqa: BLE001 (the last place where it can become an answer)
            return _told(error, request[VISIT].request_id)


def unrouted_problem(request: web.Request, status: int) -> web.Response:
    """The answer to an address that does not exist below OpenAI's paths, or does not take the method."""
    body = orjson.dumps(unrouted(status, request.method, request.path))
    return web.Response(body=body, status=status, content_type="application/json")


def _told(error: Exception, request_id: str) -> web.Response:
    """With the headers, and the line in the log, that the same error has elsewhere."""
    usual = from_exception(error, request_id)
    headers = {name: value for name, value in usual.headers.items() if name.lower() != "content-type"}
    headers |= error_headers(error)
    body = orjson.dumps(envelope(error))
    return web.Response(body=body, status=status_of(error), headers=headers, content_type="application/json")
