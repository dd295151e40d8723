"""Receipts and invoices over HTTP, with the edge around them."""

import io
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pypdf import PdfReader

from hub.core.clock import IdGenerator, SystemClock
from hub.core.jobs import JobQueue
from hub.core.metrics import HttpMetrics, new_registry
from hub.oversight.audit import AuditLog
from hub.oversight.review_queue import ReviewQueue
from hub.people.identity import Caller
from hub.sales.bookings.repository import BookingRepository
from hub.sales.documents import DocumentService, MissingGlyphReports, TypstPrinter
from routes.traveler.documents import DocumentRoutes
from routes.web.access import AccessGate
from routes.web.api import ApiRouter
from routes.web.middleware import EdgeMiddleware, RequestDrain
from tests.sales.documents.shop import ADA, JOURNEY, LINKS, SELLER, Shop, customer, paid

BEN = UUID(int=0xBE)
Client = TestClient[web.Request, web.Application]


async def authenticate(token: str) -> Caller:
    who = {"ada": ADA, "ben": BEN}[token]
    return Caller(who, who)


@pytest.fixture
async def client(shop: Shop, printer: TypstPrinter) -> AsyncIterator[Client]:
    api, app, clock, metrics = ApiRouter(), web.Application(), SystemClock(), HttpMetrics(new_registry())
    audit = AuditLog(clock)
    glyphs = MissingGlyphReports(shop.db, printer, ReviewQueue(shop.db, audit, clock, IdGenerator(clock)))
    documents = DocumentService(
        shop.db, BookingRepository(JobQueue(), audit, clock), printer, SELLER, JOURNEY, LINKS, glyphs
    )
    api.add_endpoints(DocumentRoutes(documents))
    api.install_routes(app, AccessGate(authenticate, clock, metrics=metrics))
    EdgeMiddleware(clock, IdGenerator(clock), metrics, RequestDrain()).install_middleware(app)
    await customer(shop.db, BEN, "Ben")
    async with TestClient(TestServer(app)) as opened:
        yield opened


async def ask(client: Client, path: str, who: str = "ada") -> tuple[int, Any]:
    async with client.get(path, headers={"Authorization": f"Bearer {who}"}) as answer:
        return answer.status, await answer.json(content_type=None)


async def pdf(client: Client, path: str) -> tuple[str, str]:
    """Its name and its text."""
    async with client.get(path, headers={"Authorization": "Bearer ada"}) as answer:
        assert (answer.status, answer.content_type) == (200, "application/pdf")
        assert answer.headers["Cache-Control"] == "private, no-store"
        text = PdfReader(io.BytesIO(await answer.read())).pages[0].extract_text()
        return answer.headers["Content-Disposition"], text


async def test_an_invoice_and_its_credit_note_are_listed_and_can_be_had(shop: Shop, client: Client):
    payment = await paid(shop.db)
    await shop.issue(payment)
    await shop.refund(payment, 29_998)
    status, found = await ask(client, "/api/payments/invoices")
    assert (status, found["total"]) == (200, 2)
    note, invoice = sorted(found["items"], key=lambda one: one["kind"])
    assert (note["for_invoice"], note["total"]["display"]) == (invoice["number"], "299.98 GBP")
    assert invoice["booking_reference"] == str(payment)[-6:].upper()
    name, text = await pdf(client, note["pdf"])
    assert name == 'attachment; filename="credit-note-CN-2027-000001.pdf"'
    assert "299.98 GBP credited on 1 March 2027" in text
    assert "Invoice 2027-000001" in (await pdf(client, invoice["pdf"]))[1]


async def test_a_receipt_tells_what_was_paid_and_what_came_back(shop: Shop, client: Client):
    payment = await paid(shop.db, refunded=29_998, status="partially_refunded")
    name, text = await pdf(client, f"/api/bookings/{payment}/receipt.pdf")
    assert name == f'attachment; filename="receipt-{str(payment)[-6:].upper()}.pdf"'
    wanted = ["1,299.98 GBP paid on 1 March 2027", "Ada Lovelace", "London (LHR)", "\N{MINUS SIGN}299.98 GBP"]
    assert [one for one in [*wanted, "1,000.00 GBP"] if one not in text] == []


async def test_before_the_money_is_taken_there_is_no_receipt(shop: Shop, client: Client):
    payment = await paid(shop.db, captured=0, status="authorised")
    status, found = await ask(client, f"/api/bookings/{payment}/receipt.pdf")
    assert (status, found["code"]) == (409, "nothing_paid")


async def test_nobody_sees_the_papers_of_somebody_else(shop: Shop, client: Client):
    payment = await paid(shop.db)
    await shop.issue(payment)
    assert (await ask(client, "/api/payments/invoices", "ben"))[1]["items"] == []
    for path in ("/api/payments/invoices/2027-000001.pdf", f"/api/bookings/{payment}/receipt.pdf"):
        assert (await ask(client, path, "ben"))[0] == 404


@pytest.mark.parametrize("number", ["2027-000009", "CN-2027-000001", "2027-1", "..%2F2027-000001", "%00"])
async def test_a_number_that_nobody_has_is_not_found_or_refused(client: Client, number: str):
    assert (await ask(client, f"/api/payments/invoices/{number}.pdf"))[0] in {400, 404, 422}


async def test_a_receipt_for_made_up_money_says_so(shop: Shop, client: Client):
    payment = await paid(shop.db, sandbox=True)
    assert "TEST DATA, NO INVOICE" in (await pdf(client, f"/api/bookings/{payment}/receipt.pdf"))[1]
