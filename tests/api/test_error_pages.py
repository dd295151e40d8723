"""What goes wrong on a page is told on a page, styled like the others, however deep its address."""

import re
from urllib.parse import urljoin

import pytest

from tests.api.operations import application
from tests.support.running import Running

PAGES = sorted(
    {
        (route.method, route.resource.canonical)
        for route in application().router.routes()
        if route.resource is not None and route.handler.__qualname__ == "_in_words.<locals>.serve"
    }
)


def test_pages_are_found_at_several_depths():
    assert {path.count("/") for _, path in PAGES} >= {1, 2, 3}


@pytest.mark.parametrize("accept", ["text/html", "*/*"])
async def test_every_error_page_links_its_style_sheet_and_nothing_that_is_missing(running: Running, accept: str):
    error_pages = 0
    for method, path in PAGES:
        address = running.url + re.sub(r"{\w+}", "7", path)
        headers = {"Accept": accept}
        async with running.session.request(method, address, headers=headers, allow_redirects=False) as answer:
            page = await answer.text()
            if answer.status < 400 or answer.content_type != "text/html" or method == "HEAD":
                continue
        error_pages += 1
        for link in re.findall(r'<(?:link|a)[^>]* href="([^"#]+)"', page):
            if not link.startswith(("data:", "http")):
                async with running.session.get(urljoin(address, link)) as answer:
                    assert answer.status in ({200} if link.endswith(".css") else {200, 401}), (method, path, link)
    assert error_pages > 10
