"""Whatever comes in, what goes out is an answer of ours: schemathesis over the whole document."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hub import app as root
from hub.settings import Settings
from tests.support.database import fresh
from tests.support.running import hub_running, settings_for

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


@pytest.fixture(scope="module")
def served(pg: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A hub in a thread of its own, and the token of a traveller who has booked."""
    ready, stop, found = threading.Event(), threading.Event(), {}

    async def serve() -> None:
        async with (
            fresh(pg, template) as dsn,
            hub_running(settings_for(dsn, Path(tmp_path_factory.mktemp("hub")))) as hub,
        ):
            await hub.register()
            await hub.book()
            found["hub"] = (hub.url, hub.token)
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(30)
    yield found["hub"]
    stop.set()
    thread.join(30)


schema = schemathesis.openapi.from_dict(root.build_openapi_document(Settings.from_environment()))


LONGEST_LINE = 8000
"""Beyond this the HTTP parser refuses the request line in plain text, before any of our code has seen it."""


@pytest.mark.filterwarnings("ignore:Do not use the `random` module")  # schemathesis' own strategies do
@schema.parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_no_input_makes_a_server_error(case, served: tuple[str, str]):
    url, token = served
    answer = case.call(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=20)
    if len(answer.request.url) > LONGEST_LINE:
        assert answer.status_code == 400
        return
    case.validate_response(answer, checks=CHECKS)
