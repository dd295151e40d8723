"""What is left to do after an erasure, outside its transaction."""

from uuid import UUID

from hub.core.jobs import Job


class ForgetCustomer(Job, kind="customer.forget", attempts=20):
    """The payment provider and the identity provider forget an erased customer."""

    customer_id: UUID


class EraseTraces(Job, kind="customer.forget_traces", attempts=20):
    """What was on its way while the customer was erased.

    `payment_customer_id` is what the payment provider called them.
    """

    customer_id: UUID
    payment_customer_id: str | None = None
