"""The gate for clients that speak OpenAI's wire: whatever goes wrong is told in its envelope."""

from dataclasses import dataclass

import orjson
from aiohttp import web

from routes.openai.schemas import build_unrouted_body, error_to_body, error_to_headers, error_to_status
from routes.web.access import AccessGate
from routes.web.endpoint import Endpoint
from routes.web.endpoint_api import REQUEST_CONTEXT
from routes.web.problems import exception_to_response


@dataclass(frozen=True, slots=True)
class OpenAIAccessGate:
    gate: AccessGate

    async def serve_endpoint(self, endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
        """See Gate.serve; raises nothing but that the client has gone."""
        try:
            return await self.gate.serve_endpoint(endpoint, request)
        except (ConnectionResetError, web.HTTPException):
            raise
        except Exception as error:  # noqa: BLE001 (the last place where it can become an answer)
            return _told(error, request[REQUEST_CONTEXT].request_id)


def make_unrouted_response(request: web.Request, status: int) -> web.Response:
    """The answer to an address that does not exist below OpenAI's paths, or does not take the method."""
    body = orjson.dumps(build_unrouted_body(status, request.method, request.path))
    return web.Response(body=body, status=status, content_type="application/json")


def _told(error: Exception, request_id: str) -> web.Response:
    """With the headers, and the line in the log, that the same error has elsewhere."""
    usual = exception_to_response(error, request_id)
    headers = {name: value for name, value in usual.headers.items() if name.lower() != "content-type"}
    headers |= error_to_headers(error)
    body = orjson.dumps(error_to_body(error))
    return web.Response(body=body, status=error_to_status(error), headers=headers, content_type="application/json")
