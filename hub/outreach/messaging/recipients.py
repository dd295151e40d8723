"""Which messages an address gets that nobody has confirmed: anybody can enter any address as a contact.

Such an address gets messages about its own booking and its own account, and nothing else. While nobody has paid the
booking, they are limited per mailbox: unpaid bookings cost nothing, and would do to flood somebody.
"""

from uuid import UUID

from hub.core.db import Tx
from hub.core.mail_limits import MailLimits
from hub.outreach.messaging.template_context import ACCOUNT_TEMPLATES, SQL

TRANSACTIONAL_PREFIXES = ("booking_", "payment_")
"""How the templates begin that speak of one booking."""


async def is_address_confirmed(tx: Tx, address: str) -> bool:
    confirmed: bool = await tx.fetchval(SQL.is_confirmed, address)
    return confirmed


async def may_receive(tx: Tx, template: str, address: str) -> bool:
    """Whether a message of this kind may go to the address."""
    if template in ACCOUNT_TEMPLATES or template.startswith(TRANSACTIONAL_PREFIXES):
        return True
    return await is_address_confirmed(tx, address)


async def allow_booking_message(tx: Tx, limits: MailLimits, booking_id: UUID, address: str) -> bool:
    """Whether one message more about the booking may go there; it is counted where it has to be."""
    if await is_address_confirmed(tx, address) or await tx.fetchval(SQL.is_paid, booking_id):
        return True
    return await limits.allow_message(tx, "booking", address)
