"""What people see. The forms work from curl too."""

from importlib.resources import files
from typing import Any

import jinja2
from aiohttp import web

_HEADERS = {
    # No form-action: the form's redirect leads to the hub's own pages.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}


class HtmlPages:
    def __init__(self) -> None:
        folder = files("sandbox.oidc").joinpath("pages")
        self._jinja = jinja2.Environment(
            loader=jinja2.FileSystemLoader(str(folder)), autoescape=True, undefined=jinja2.StrictUndefined
        )

    def render_page(self, name: str, status: int = 200, **facts: Any) -> web.Response:
        text = self._jinja.get_template(name).render(facts)
        return web.Response(text=text, status=status, content_type="text/html", headers=_HEADERS)

    def render_refusal(self, why: str) -> web.Response:
        """For what must not be redirected: nobody has shown that the address is the client's."""
        return self.render_page("message.html", 400, title="This cannot be done", message=why)


def redirect_to(url: str) -> web.Response:
    return web.Response(status=303, headers={"Location": url, "Cache-Control": "no-store"})
