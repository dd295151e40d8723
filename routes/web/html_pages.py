"""What the pages for people share: their templates, their style sheets, and that what goes wrong is told as a page."""

from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path

import jinja2
from aiohttp import web

from routes.web.access import AccessGate
from routes.web.endpoint import Endpoint, list_endpoints

RenderError = Callable[[web.Request, Exception], web.Response]
"""What is shown instead of the page."""


def create_template_environment() -> jinja2.Environment:
    """Those of `templates/pages`; a fact that is missing is an error, and what people write stays text."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(files("templates").joinpath("pages"))),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def get_static_path(name: str) -> Path:
    """Where it is."""
    return Path(str(files("routes").joinpath("static", name)))


def serve_stylesheet(sheet: Path) -> web.FileResponse:
    return _cached(sheet, "text/css")


def serve_script(script: Path) -> web.FileResponse:
    return _cached(script, "text/javascript")


def _cached(file: Path, media_type: str) -> web.FileResponse:
    headers = {"Content-Type": f"{media_type}; charset=utf-8", "Cache-Control": "public, max-age=3600"}
    return web.FileResponse(file, headers=headers)


def build_path_to_root(request: web.Request) -> str:
    """From the address of the request to the hub's own root, relative: a proxy may put the hub under a path.

    `../` for `/plan/7`, `../../` for `/booking/7/calendar.ics`. Error pages have as many depths as there are routes.
    """
    return "../" * (request.rel_url.raw_path.count("/") - 1)


def copy_retry_after(problem: web.Response, page: web.Response) -> None:
    """Puts onto the page of an error when to come back, as its problem document says."""
    if "Retry-After" in problem.headers:
        page.headers["Retry-After"] = problem.headers["Retry-After"]


def install_pages(app: web.Application, gate: AccessGate, pages: object, trouble: RenderError) -> None:
    """Instead of `Api.add`: what goes wrong here is told to people."""
    for endpoint in list_endpoints(pages):
        method = endpoint.operation.method
        for one in ("GET", "HEAD") if method == "GET" else (method,):
            # Not `endpoint.route`: an address with a malformed id is told as a page too.
            app.router.add_route(one, endpoint.operation.path, _in_words(gate, endpoint, trouble))


def _in_words(
    gate: AccessGate, endpoint: Endpoint, trouble: RenderError
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def serve(request: web.Request) -> web.StreamResponse:
        try:
            return await gate.serve_endpoint(endpoint, request)
        except (web.HTTPException, ConnectionResetError):
            raise
        except Exception as error:  # noqa: BLE001 (logged by from_exception where nobody foresaw it)
            return trouble(request, error)

    serve.__operation__ = endpoint.operation  # type: ignore[attr-defined]
    return serve
