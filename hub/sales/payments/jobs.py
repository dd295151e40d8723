"""What payments ask of the papers, as jobs that are stored with the change that causes them."""

from uuid import UUID

from hub.core.jobs import Job


class IssueInvoice(Job, kind="invoice.issue", attempts=20):
    """The money has been taken: issue the invoice for it."""

    payment_id: UUID


class IssueCreditNote(Job, kind="invoice.credit", attempts=20):
    """Money has gone back, or has come back after all: make the credit notes agree with it.

    `refunded` is all that had arrived by then, in minor units.
    """

    payment_id: UUID
    refunded: int
