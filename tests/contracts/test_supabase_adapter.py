"""What the adapter asks of Supabase Auth, against GoTrue's own OpenAPI file."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.supabase import SupabaseIdentityProvider
from adapters.transport import Transport
from hub.core.clock import SystemClock
from hub.people.identity import Caller, NewAccount
from sandbox import supabase as emulator
from sandbox.state import SandboxConfig, SandboxState
from tests.contracts.openapi import OpenAPIContract
from tests.contracts.recording import Exchange, Recording
from tests.contracts.specs import Breach
from tests.contracts.test_supabase import GoTrueContract
from tests.contracts.test_supabase import contract as gotrue
from tests.sandbox.supabase_project import ADA, ANON, PASSWORD, SERVICE

__all__ = ["gotrue"]  # the fixture
PREFIX = "/auth/v1"


class Contract(GoTrueContract):
    """Knows the parameters of a read, too."""

    def _known(self, one: Exchange) -> set[str]:
        return OpenAPIContract._known(self, one) if one.method == "GET" else super()._known(one)


@pytest.fixture
def contract(gotrue: GoTrueContract) -> Contract:
    return Contract(gotrue._spec)


@dataclass
class Wire:
    identity: SupabaseIdentityProvider
    recording: Recording
    world: SandboxState

    @property
    def mark(self) -> str:
        """The token in the newest mail."""
        return str(self.world.mailbox[-1]["html"]).partition("token=")[2].partition("&")[0]

    @property
    def asked(self) -> list[Exchange]:
        """With paths as GoTrue's file has them."""
        for one in self.recording.exchanges:
            assert one.path.startswith(PREFIX)
        return [
            Exchange(
                "supabase", one.method, one.path.removeprefix(PREFIX), one.query, one.headers, one.body, one.status
            )
            for one in self.recording.exchanges
        ]


@asynccontextmanager
async def recorded() -> AsyncIterator[Wire]:
    recording, clock = Recording(), SystemClock()
    world, app = SandboxState(SandboxConfig(callback_base="http://127.0.0.1:9"), lambda _: None), web.Application()
    app.middlewares.append(recording.provider)
    emulator.setup(app, world)
    async with (
        TestServer(app) as server,
        Transport.open_with_session(clock=clock, chance=random.Random(1)) as transport,
    ):
        base = f"{str(server.make_url('')).rstrip('/')}/supabase"
        keys = {"anon_key": ANON, "service_key": SERVICE, "redirect_to": "http://127.0.0.1:3000/account"}
        identity = SupabaseIdentityProvider(transport, base_url=base, jwt_secret=None, clock=clock, **keys)
        yield Wire(identity, recording, world)
        await identity.close()


async def a_whole_life(wire: Wire) -> None:
    ask = wire.identity
    await ask.check_access()
    await ask.sign_up(NewAccount(ADA, PASSWORD, "Ada Lovelace", "+447700900123"))
    await ask.resend_verification(ADA)
    await ask.verify_email(wire.mark)
    outcome = (await ask.sign_in(ADA, PASSWORD)).outcome  # type: ignore[attr-defined]
    grant = await ask.refresh_session(outcome.tokens.refresh_token)
    caller = Caller(UUID(str(grant.customer_id)), grant.session_id)
    assert await ask.verify_password(caller, ADA, PASSWORD)
    await ask.change_password(caller, grant.access_token, "a-better-one")
    assert await ask.is_session_live(grant.access_token)
    await ask.sign_out(grant.access_token)
    await ask.request_password_reset(ADA)
    await ask.reset_password(wire.mark, "the-best-of-all")
    await ask.delete_identity(outcome.identity)


async def test_whatever_the_adapter_asks_is_described(contract: GoTrueContract) -> None:
    async with recorded() as wire:
        await a_whole_life(wire)
        for one in wire.asked:
            contract.check_request(one)
        assert len({(one.method, one.path.partition("/users/")[0], one.query) for one in wire.asked}) == 14


async def test_an_address_that_gotrue_does_not_have_is_caught(contract: GoTrueContract) -> None:
    async with recorded() as wire:
        await wire.identity.request_password_reset(ADA)
        (one,) = wire.asked
        wrong = Exchange("supabase", one.method, "/recovery", one.query, one.headers, one.body)
        contract.check_request(one)
        with pytest.raises(Breach):
            contract.check_request(wrong)
