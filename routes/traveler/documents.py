from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints

from hub.sales.documents import DocumentService, Invoice, PdfFile
from routes.web.endpoint_api import OWN_DATA, ApiModel, Call, Reply, get
from routes.web.schemas import MoneyOut, Page, PageQuery

TAGS = ("documents",)
PDF = "application/pdf"

InvoiceNumber = Annotated[
    str, StringConstraints(pattern=r"^(TEST-)?(CN-|RV-)?\d{4}-\d{6,9}$"), Field(examples=["2027-000042"])
]


class InvoiceOut(ApiModel):
    number: str = Field(examples=["2027-000001"])
    kind: Literal["invoice", "credit_note", "reversal"]
    total: MoneyOut
    booking_id: UUID
    booking_reference: str
    payment_id: UUID
    for_invoice: str | None = Field(description="of what corrects an invoice: its number")
    issued_on: date
    sandbox: bool
    pdf: str = Field(description="where the paper is", examples=["/api/payments/invoices/2027-000001.pdf"])

    @classmethod
    def from_domain(cls, one: Invoice) -> Self:
        same = "number kind booking_id payment_id issued_on sandbox".split()
        return cls(
            total=MoneyOut.from_money(one.amount),
            booking_reference=one.document["booking"]["reference"],
            for_invoice=one.document.get("refers_to", {}).get("number"),
            pdf=f"/api/payments/invoices/{one.number}.pdf",
            **{name: getattr(one, name) for name in same},
        )


class DocumentRoutes:
    def __init__(self, documents: DocumentService) -> None:
        self._documents = documents

    @get("/api/bookings/{booking_id}/receipt.pdf", permission=OWN_DATA, response_type=PDF, tags=TAGS)
    async def receipt(self, call: Call, booking_id: UUID) -> Reply:
        """What you have paid for a booking, as it stands now. 409 `nothing_paid` before that."""
        return _download(await self._documents.print_receipt(call.signed_in_caller, booking_id))

    @get("/api/payments/invoices", permission=OWN_DATA, tags=TAGS)
    async def list(self, call: Call, query: PageQuery) -> Page[InvoiceOut]:
        """Your invoices and credit notes, the newest first."""
        found, total = await self._documents.list_invoices(
            call.signed_in_caller, page=query.page, page_size=query.page_size
        )
        items = [InvoiceOut.from_domain(one) for one in found]
        return Page[InvoiceOut](items=items, page=query.page, page_size=query.page_size, total=total)

    @get("/api/payments/invoices/{number}.pdf", permission=OWN_DATA, response_type=PDF, tags=TAGS)
    async def invoice(self, call: Call, number: InvoiceNumber) -> Reply:
        """One of your invoices or credit notes."""
        return _download(await self._documents.print_invoice(call.signed_in_caller, number))


def _download(paper: PdfFile) -> Reply:
    headers = {"Content-Disposition": f'attachment; filename="{paper.filename}"', "Cache-Control": "private, no-store"}
    return Reply(paper.content, headers=headers, content_type=PDF)
