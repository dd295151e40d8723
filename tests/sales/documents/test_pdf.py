"""From a snapshot to a PDF: what people have typed is printed and never obeyed, and the same is the same for ever."""

import asyncio
import io
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from hub.core.money import Money
from hub.sales.documents import Invoice, TypstPrinter
from hub.sales.documents.view_models import build_invoice_view
from tests.sales.documents.shop import NOW, SELLER

EVIL = r"""#panic("x") $ \ * _ [ ] ` <b> @a // c /* = - + #import "@preview/x:1.0.0" #read("/etc/passwd") {{ "}"""


def paper(**more: Any) -> Invoice:
    totals = {"net": 109_242, "tax": 20_756}
    document = {
        "seller": SELLER.to_json(),
        "booking": {"id": "b", "reference": "K7NQ4X"},
        "payment": {"id": "p", "provider": "stripe", "provider_payment_id": "pi_123", "paid_on": "2027-03-01"},
        "lines": [{"text": "Flights LHR to JFK", "details": ["12 Mar 2027"], "quantity": 2, "amount": 129_998}],
        "taxes": [{"name": "VAT", "rate": "19", **totals}],
        "totals": {"GBP": {**totals, "gross": 129_998}},
        "note": "Prices include all taxes.",
        "refers_to": {"number": "2027-000001", "issued_on": "2027-03-01"},
    }
    buyer = {"name": "Ada Lovelace", "line1": "12 St James's Square", "city": "London", "country": "GB"}
    known: dict[str, Any] = {
        "id": UUID(int=1), "number": "2027-000001", "kind": "invoice", "sandbox": False, "booking_id": UUID(int=2),
        "payment_id": UUID(int=3), "invoice_id": None, "refunded": None, "amount": Money(129_998, "GBP"),
        "document": document, "buyer": buyer, "issued_on": date(2027, 3, 1), "issued_at": NOW,
    }  # fmt: skip
    return Invoice(**(known | more))


async def printed(printer: TypstPrinter, one: Invoice) -> PdfReader:
    return PdfReader(io.BytesIO(await printer.print_pdf(one.kind, build_invoice_view(one), one.issued_at)))


async def text_of(printer: TypstPrinter, one: Invoice) -> str:
    return "\n".join(page.extract_text() for page in (await printed(printer, one)).pages)


async def test_an_invoice_says_what_it_must(printer: TypstPrinter):
    text = await text_of(printer, paper())
    wanted = ["Invoice", "2027-000001", "1 March 2027", "K7NQ4X", "DE123456789", "Hafenstraße 12", "Ada Lovelace"]
    wanted += ["12 St James's Square", "1,092.42 GBP", "VAT 19 % (included)", "207.56 GBP", "1,299.98 GBP", "pi_123"]
    assert [one for one in wanted if one not in text] == []
    assert "TEST DATA" not in text


async def test_a_credit_note_names_its_invoice(printer: TypstPrinter):
    text = await text_of(printer, paper(kind="credit_note", number="CN-2027-000001", refunded=129_998))
    assert "CN-2027-000001" in text
    assert "2027-000001, 1 March 2027" in text
    assert "Total credited" in text


async def test_the_file_says_what_it_is_in_which_language_and_when(printer: TypstPrinter):
    found = await printed(printer, paper())
    about = found.metadata
    assert about is not None
    assert (about.title, about.author, about.creation_date) == ("Invoice 2027-000001", SELLER.name, NOW)
    assert found.trailer["/Root"]["/Lang"] == "en"
    assert found.trailer["/Root"]["/MarkInfo"]["/Marked"] == True  # noqa: E712 - of a kind of its own


async def test_the_same_snapshot_gives_the_same_bytes():
    """Also from a printer that has printed something else in between."""
    first, second = TypstPrinter(), TypstPrinter()
    one, other = build_invoice_view(paper()), build_invoice_view(paper(buyer=None, number="2027-000002"))
    a = await first.print_pdf("invoice", one, NOW)
    await second.print_pdf("credit_note", other, NOW)
    assert await second.print_pdf("invoice", one, NOW) == a
    first.close()
    second.close()


async def test_what_looks_like_the_templates_language_is_only_text(printer: TypstPrinter):
    text = await text_of(printer, paper(buyer={"name": EVIL, "city": EVIL}))
    assert "".join(text.split()).count("".join(EVIL.split())) == 2
    assert "root:" not in text


@pytest.mark.parametrize(
    "name", ["Ада Лавлейс", "Ἀδα Λάβλεϊς", "Łukasz Żółć", "Đặng Thị Hương", "Ադա", "ადა", "עדה", "آدا", "เอดา"]
)
async def test_a_name_in_another_script_is_printed(printer: TypstPrinter, name: str):
    text = await text_of(printer, paper(buyer={"name": name}))
    assert [one for one in name if one not in text] == []


async def test_a_very_long_name_stays_on_the_page(printer: TypstPrinter):
    found = await printed(printer, paper(buyer={"name": "W" * 200}))
    right: list[float] = []
    found.pages[0].extract_text(visitor_text=lambda text, _cm, tm, _font, _size: text.strip() and right.append(tm[4]))
    text = found.pages[0].extract_text()
    assert text.replace("\n", "").count("W") == 200
    assert max(len(line) for line in text.splitlines() if set(line) == {"W"}) < 60
    assert max(right) < found.pages[0].mediabox.width


async def test_what_turns_text_around_is_left_out(printer: TypstPrinter):
    text = await text_of(printer, paper(buyer={"name": "Ada \u202e(GBP 99.9)\u2066 \x00\x1b Byron\n\u2028X"}))
    assert " ".join(text.split()).count("Ada (GBP 99.9) Byron X") == 1


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_name_can_be_printed(name: str):
    """Emoji and rare scripts have no picture in our fonts: an empty box, and never an error."""

    async def one() -> bytes:
        printer = ANY_NAME.setdefault("printer", TypstPrinter())
        return await printer.print_pdf("invoice", build_invoice_view(paper(buyer={"name": name})), NOW)

    assert asyncio.run(one()).startswith(b"%PDF-")


ANY_NAME: dict[str, TypstPrinter] = {}


@pytest.fixture(autouse=True, scope="module")
def _closed():
    yield
    for one in ANY_NAME.values():
        one.close()


async def test_test_data_says_so_across_the_page(printer: TypstPrinter):
    assert "TEST DATA, NO INVOICE" in await text_of(printer, paper(sandbox=True))


async def test_many_lines_go_on_over_the_page_under_the_same_head(printer: TypstPrinter):
    document = paper().document
    document["lines"] = document["lines"] * 60
    found = await printed(printer, paper(document=document))
    pages = [page.extract_text() for page in found.pages]
    assert len(pages) > 2
    assert all("Description" in one and f"Page {at} of {len(pages)}" in one for at, one in enumerate(pages, 1))


async def test_a_buyer_who_has_gone_leaves_a_readable_invoice(printer: TypstPrinter):
    assert "Not on record" in await text_of(printer, paper(buyer=None))
