from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from pydantic import SecretStr

from hub.settings import OpenAISettings
from tests.planning.completions.world import KEY, Desk, sdk
from tests.support.database import fresh
from tests.support.running import hub_running, settings_for


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(pg: str, template: str, tmp_path_factory) -> AsyncIterator[Desk]:
    """Short times, so that what is silent is soon known to be."""
    directory = Path(tmp_path_factory.mktemp("desk"))
    openai = OpenAISettings(first=0.8, idle=0.6, total=8.0)
    async with fresh(pg, template) as dsn:
        settings = settings_for(dsn, directory, openai=openai, service_keys=(SecretStr(KEY),))
        async with hub_running(settings) as hub, sdk(hub.url) as client:
            yield Desk(hub, client)
