from collections.abc import Iterator

import pytest

from hub.sales.documents.pdf import TypstPrinter


@pytest.fixture(scope="session")
def printer() -> Iterator[TypstPrinter]:
    made = TypstPrinter()
    yield made
    made.close()
