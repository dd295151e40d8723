from collections.abc import Iterator

import pytest

from hub.sales.documents.pdf import Printer


@pytest.fixture(scope="session")
def printer() -> Iterator[Printer]:
    made = Printer()
    yield made
    made.close()
