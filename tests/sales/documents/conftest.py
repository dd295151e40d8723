from collections.abc import Iterator

import pytest

from hub.core.db import Database
from hub.sales.documents import TypstPrinter
from tests.sales.documents.shop import Shop, customer


@pytest.fixture(scope="session")
def printer() -> Iterator[TypstPrinter]:
    made = TypstPrinter()
    yield made
    made.close()


@pytest.fixture
async def shop(db: Database) -> Shop:
    """Ada is its customer."""
    await customer(db)
    return Shop(db)
