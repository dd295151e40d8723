"""What ends a session ends it on every route of every process of the hub, within five seconds."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import jwt
import pytest

from hub.settings import AuthSettings
from tests.support.running import Running, hub_running, settings_for, until

PASSWORD = "correct horse battery"
LIMIT = 5.0
ROUTES = ("/api/auth/me", "/api/bookings", "/api/user/sessions", "/api/user/plans", "/api/user/second-factor")


@dataclass
class Two:
    """Two processes of one hub. `here` acts, `there` is asked."""

    here: Running
    there: Running
    email: str = ""

    async def sign_in(self) -> None:
        """A new account, signed in twice."""
        self.email = await self.here.register()
        for process in (self.here, self.there):
            body = {"email": self.email, "password": PASSWORD}
            process.token = (await self.here.good("POST", "/api/auth/login", body))["token"]


@pytest.fixture(params=["local", "supabase"])
async def two(request: pytest.FixtureRequest, dsn: str, tmp_path: Path) -> AsyncIterator[Two]:
    auth = AuthSettings(provider=request.param)
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(hub_running(settings_for(dsn, tmp_path, auth=auth)))
        await here.control("POST", "supabase/hooks", {"send_email": True})
        shared = {"sandbox_port": here.settings.sandbox_port, "public_url": here.url}
        more = settings_for(dsn, tmp_path, auth=auth, **shared)
        there = await stack.enter_async_context(hub_running(more, sandbox=False))
        yield Two(here, replace(there, url=f"http://127.0.0.1:{more.port}"))


async def change_password(two: Two) -> None:
    body = {"current_password": PASSWORD, "new_password": "quite another one"}
    await two.here.good("POST", "/api/auth/change-password", body)


async def sign_out_everywhere(two: Two) -> None:
    await two.here.good("DELETE", "/api/user/sessions")


async def sign_the_other_device_out(two: Two) -> None:
    sessions = await two.here.good("GET", "/api/user/sessions")
    for session in sessions:
        if not session["current"]:
            await two.here.good("DELETE", f"/api/user/sessions/{session['id']}")


async def sign_out_here(two: Two) -> None:
    two.here.token = two.there.token
    await two.here.good("POST", "/api/auth/logout")


async def erase(two: Two) -> None:
    await two.here.good("DELETE", "/api/user", {"password": PASSWORD})


async def reset_password(two: Two) -> None:
    await two.here.good("POST", "/api/auth/forgot-password", {"email": two.email})
    body = {"token": await two.here.link(two.email, "reset"), "password": "quite another one"}
    await two.here.good("POST", "/api/auth/reset-password", body)


ENDINGS: tuple[Callable[[Two], Awaitable[None]], ...] = (
    sign_out_here, sign_the_other_device_out, sign_out_everywhere, change_password, reset_password, erase,
)  # fmt: skip


async def test_another_process_refuses_the_access_token_on_every_route(two: Two):
    for end in ENDINGS:
        await two.sign_in()
        for route in ROUTES:
            await two.there.good("GET", route)
        await end(two)

        async def refused() -> bool:
            answers = [await two.there.call("GET", route) for route in ROUTES]
            return all(status == 401 and body["code"] == "session_ended" for status, body in answers)

        assert await until(refused, LIMIT), end.__name__


async def test_a_session_that_the_hub_has_never_seen_ends_with_all_the_others(dsn: str, tmp_path: Path):
    """It began at Supabase itself, and its token is shown to the hub only after "sign out everywhere"."""
    async with hub_running(settings_for(dsn, tmp_path, auth=AuthSettings(provider="supabase"))) as hub:
        await hub.control("POST", "supabase/hooks", {"send_email": True})
        email = await hub.register()
        url = f"{hub.sandbox}/supabase/auth/v1/token?grant_type=password"
        body, headers = {"email": email, "password": PASSWORD}, {"apikey": "sb_publishable_sandbox"}
        async with hub.session.post(url, json=body, headers=headers) as answer:
            unseen = (await answer.json())["access_token"]
        await until(lambda: _second_passes(unseen))
        await hub.good("DELETE", "/api/user/sessions")
        hub.token = unseen
        assert (await hub.call("GET", "/api/auth/me"))[1]["code"] == "session_ended"


async def _second_passes(token: str) -> bool:
    """Tokens tell the time of their session in whole seconds."""
    began = jwt.decode(token, options={"verify_signature": False})["amr"][0]["timestamp"]
    return time.time() > began + 1.1
