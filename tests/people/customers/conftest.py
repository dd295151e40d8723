import pytest

from hub.core.clock import IdGenerator, SystemClock
from hub.core.db import Database
from hub.oversight.audit import AuditLog
from hub.people.customers import Customers
from tests.people.customers.people import ADA, BEN, insert_customer


@pytest.fixture
async def customers(db: Database) -> Customers:
    """The service over a database with Ada and Ben in it."""
    async with db.transaction() as tx:
        for one in (ADA, BEN):
            await insert_customer(tx, one.id)
    clock = SystemClock()
    return Customers(db, AuditLog(clock), clock, IdGenerator(clock))
