"""A proxy that the settings do not name: everybody behind it has its address."""

from pathlib import Path

from hub.cli import doctor
from hub.people.identity import lockout
from tests.support.logs import logging_to_memory
from tests.support.running import Running, settings_for, until

BEHIND = {"X-Forwarded-For": "203.0.113.7"}
"""As a proxy on a private address sends it; the tests come from 127.0.0.1."""


async def fail(running: Running, times: int, **headers: str) -> int:
    """Sign-ins of as many accounts that fail. The status of the last."""
    status = 0
    for number in range(times):
        body = {"email": f"nobody{number}@example.com", "password": "not the password"}
        status, _ = await running.call("POST", "/api/auth/login", body, **headers)
    return status


async def test_nobody_is_locked_out_for_what_others_do_behind_the_same_proxy(running: Running):
    free = lockout.FREE_FAILURES["network"]
    assert await fail(running, free + 2, **BEHIND) == 401
    assert await fail(running, free + 1) == 429, "who comes without a proxy is counted by network"


async def test_it_is_logged_once_and_seen_by_the_doctor(running: Running, tmp_path: Path):
    with logging_to_memory(level="warning", json=True) as lines:
        for _ in range(3):
            await running.call("GET", "/healthz", **BEHIND)
    assert [line["event"] for line in lines.events].count("proxy.untrusted_seen") == 1

    async def seen() -> bool:
        async with running.db.connection() as tx:
            return await tx.fetchval("select count(*) from proxy_sightings") == 1

    await until(seen)
    dsn = running.settings.database_url
    assert dsn is not None
    found = {one.subject: one for one in await doctor._database(running.settings)}
    assert found["HUB_TRUSTED_PROXIES"].state == "trouble"
    named = settings_for(dsn.get_secret_value(), tmp_path, trusted_proxies=1)
    found = {one.subject: one for one in await doctor._database(named)}
    assert found["HUB_TRUSTED_PROXIES"].state == "ok"


async def test_the_doctor_knows_that_https_ends_at_a_proxy(running: Running):
    https = running.settings.model_copy(update={"public_url": "https://hub.example.com"})
    assert doctor._proxies(https, None).state == "trouble"
    assert doctor._proxies(running.settings, None).state == "ok"
