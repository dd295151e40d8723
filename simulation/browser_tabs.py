"""Browser tabs of one session that refresh at once, while the hub's processes and connections die under them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from hub.core.errors import HubError
from hub.people.identity import Caller, SessionTokens
from simulation.hub_process import ProcessDied

SendRequest = Callable[[Callable[[Any], Awaitable[Any]]], Awaitable[Any]]

RETRY_WINDOW = 9.0
"""Seconds in which an unanswered refresh is asked again: a little less than the hub allows."""


async def open_session(services: Any, caller: Caller) -> SessionTokens:
    """A session as a sign-in opens it, without the password."""
    accounts = services.identity.accounts
    await accounts.provider.token_issuer.load_signing_key()
    async with accounts.db.transaction() as tx:
        grant: SessionTokens = await accounts.provider.open_session(tx, caller.id)
        return grant


async def refresh_in_tabs(serve: SendRequest, token: str, tabs: int) -> str | None:
    """What the tabs hold in the end. None: nobody answered in time, and the traveler signs in anew."""
    answers = await asyncio.gather(*(_refresh(serve, token) for _ in range(tabs)))
    return next((answer for answer in answers if answer is not None), None)


async def _refresh(serve: SendRequest, token: str) -> str | None:
    """One tab: asked again with the same token while there is no answer."""
    clock = asyncio.get_running_loop()
    began = clock.time()
    while clock.time() - began < RETRY_WINDOW:
        try:
            grant = await serve(lambda services: services.identity.accounts.refresh_session(token))
        except ProcessDied:
            await asyncio.sleep(1.0)
        except HubError as error:
            if error.status < 500:  # noqa: PLR2004
                raise
            await asyncio.sleep(1.0)
        else:
            refresh_token: str = grant.refresh_token
            return refresh_token
    return None
