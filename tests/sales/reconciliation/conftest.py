"""A hub whose webhooks can be lost, an account at Stripe that others act on too, and a look at the breaks."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from hub.sales.reconciliation import Break, Reconciliation, ReconciliationReport
from tests.support.database import fresh
from tests.support.running import Running, hub_running, settings_for, until

EMPTY = """
truncate reconciliations, breaks, attention, transactions, payments, bookings, webhook_events, audit_logs cascade;
truncate messages cascade;
delete from pgqueuer;
update customers set payment_customer_id = null;
"""
DUE = "select 1 from pgqueuer where status = 'picked' or (status = 'queued' and execute_after <= now())"
WAITING = "select 1 from webhook_events where status = 'received'"
SECRET = {"Authorization": "Bearer sk_test_sandbox"}


@dataclass
class World:
    hub: Running
    offer: Any = None

    @property
    def reconciliation(self) -> Reconciliation:
        assert self.hub.made.payments is not None
        return self.hub.made.payments.reconciliation

    async def run(self, **how: Any) -> ReconciliationReport:
        return await self.reconciliation.run(**how)

    async def breaks(self) -> dict[str, Break]:
        """The open ones by their kind."""
        found, _ = await self.reconciliation.breaks.list_breaks(open_only=True, kind=None, page=1, page_size=100)
        return {one.kind: one for one in found}

    async def booked(self) -> dict[str, Any]:
        return await self.hub.book(self.offer)

    async def confirmed(self) -> dict[str, Any]:
        """A booking that is paid and confirmed, with the number of its intent."""
        booking = await self.booked()
        paid = await self.hub.pay(booking)
        await self.hub.settled(booking)
        await until(lambda: self.sql("select bool_and(fee is not null) from payments where status = 'paid'"))
        await self.quiet()
        return booking | {"intent": paid["payment_intent_id"], "payment": paid["payment_id"]}

    async def stripe(self, method: str, path: str, **form: Any) -> Any:
        """Stripe's own interface, with the secret key: what somebody does outside the hub."""
        how = {"data" if method == "POST" else "params": form}
        url = f"{self.hub.sandbox}/stripe/v1/{path}"
        async with self.hub.session.request(method, url, headers=SECRET, **how) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def deaf(self, provider: str = "stripe") -> None:
        """From now on no webhook of theirs arrives."""
        await self.hub.control("POST", "callbacks/drop", {"provider": provider})

    async def quiet(self) -> None:
        """Until all that has come is worked on."""
        await until(lambda: self.sql(f"select not exists ({DUE}) and not exists ({WAITING})"))

    async def sql(self, query: str, *args: Any) -> Any:
        async with self.hub.db.transaction() as tx:
            return await tx.fetchval(query, *args)

    async def payment(self, booking: dict[str, Any]) -> dict[str, Any]:
        async with self.hub.db.transaction() as tx:
            return dict(await tx.fetchrow("select * from payments where id = $1", booking["payment"]))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(pg: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One hub for all tests of a module, with one traveller and one offer."""
    directory = Path(tmp_path_factory.mktemp("house"))
    async with fresh(pg, template) as dsn, hub_running(settings_for(dsn, directory)) as hub:
        found = World(hub)
        await hub.register()
        found.offer = await hub.offer()
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def world(house: World) -> AsyncIterator[World]:
    """As on the first day: nothing booked, nothing at the providers."""
    await house.hub.control("POST", "reset")
    await until(lambda: house.sql(f"select not exists ({DUE})"))
    async with house.hub.db.transaction() as tx:
        await tx.execute(EMPTY)
    yield house
