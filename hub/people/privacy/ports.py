"""What privacy needs of the areas above it."""

from typing import Any, Protocol


class PaymentCustomers(Protocol):
    """The customer records at the payment provider."""

    @property
    def name(self) -> str:
        """The provider's name."""

    async def forget_customer(self, payment_customer_id: str, key: str) -> None:
        """Deletes the record, once per `key`. Raises ProviderError."""


class DocumentReader(Protocol):
    """The sealed travel documents of travelers."""

    def reveal_document(self, row: dict[str, Any]) -> dict[str, Any]:
        """The traveler's row with its document in plain text."""
