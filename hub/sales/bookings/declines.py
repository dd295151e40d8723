"""Why a payment was declined: the provider's codes, and what they mean to the traveler."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Self

_CONCEALED = frozenset({
    "fraudulent", "highest_risk_level", "lost_card", "merchant_blacklist", "pickup_card", "restricted_card",
    "security_violation", "stolen_card",
})  # fmt: skip
"""Shown as a generic decline: who holds a stolen card is not told that it is known (docs.stripe.com/declines/codes)."""
GENERIC_DECLINE = "generic_decline"

_FUNDS = "The card has insufficient funds. Please use another card or payment method."
_LIMIT = "The card's limit is exceeded. Please use another card or payment method, or contact your bank."
_NUMBER = "The card number is not correct. Please check it and try again."
_EXPIRY = "The card's expiry date is not correct. Please check it and try again."
_CODE = "The card's security code is not correct. Please check it and try again."
_ADDRESS = "The bank does not accept the billing address. Please check it and try again."
_IDENTITY = "Your bank could not confirm that it is you. Please try again, or use another card or payment method."
_LATER = "The payment could not be processed at the moment. Please try again in a few minutes."
_KIND = "This card cannot be used for this payment. Please use another card or payment method."
_FAILED = "The payment failed at your bank. Please use another payment method."
_PAYPAL = "PayPal could not charge the payment method that you chose. Please choose another one at PayPal."
_ACCOUNT = "PayPal does not accept payments from this account at the moment. Please contact PayPal, or pay by card."
_AMOUNT = "This amount cannot be charged in this way. Please choose another payment method."
_OTHER = "The payment was declined. Please use another card or payment method, or contact your bank."

_TEXTS: Mapping[str, str] = MappingProxyType({
    "amount_not_supported": _AMOUNT,
    # Stripe: docs.stripe.com/declines/codes and docs.stripe.com/error-codes
    "insufficient_funds": _FUNDS,
    "card_velocity_exceeded": _LIMIT,
    "withdrawal_count_limit_exceeded": _LIMIT,
    "expired_card": "The card has expired. Please use another card or payment method.",
    "incorrect_number": _NUMBER,
    "invalid_number": _NUMBER,
    "invalid_expiry_month": _EXPIRY,
    "invalid_expiry_year": _EXPIRY,
    "incorrect_cvc": _CODE,
    "invalid_cvc": _CODE,
    "incorrect_address": _ADDRESS,
    "incorrect_zip": _ADDRESS,
    "postal_code_invalid": _ADDRESS,
    "authentication_required": _IDENTITY,
    "payment_intent_authentication_failure": _IDENTITY,
    "setup_intent_authentication_failure": _IDENTITY,
    "issuer_not_available": _LATER,
    "processing_error": _LATER,
    "reenter_transaction": _LATER,
    "try_again_later": _LATER,
    "approve_with_id": _LATER,
    "card_not_supported": _KIND,
    "currency_not_supported": _KIND,
    "transaction_not_allowed": _KIND,
    "duplicate_transaction": "The same amount has just been charged to this card. Please check before you try again.",
    "payment_intent_payment_attempt_failed": _FAILED,
    "payment_intent_payment_attempt_expired": "The time to confirm the payment is over. Please try again.",
    # PayPal: developer.paypal.com/api/rest/reference/orders/v2/errors
    "INSTRUMENT_DECLINED": _PAYPAL,
    "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING": _PAYPAL,
    "PAYER_CANNOT_PAY": _PAYPAL,
    "CARD_EXPIRED": "The card that you chose at PayPal has expired. Please choose another payment method at PayPal.",
    "PAYER_ACTION_REQUIRED": "PayPal asks you to confirm the payment. Please continue at PayPal.",
    "PAYER_ACCOUNT_LOCKED_OR_CLOSED": _ACCOUNT,
    "PAYER_ACCOUNT_RESTRICTED": _ACCOUNT,
    "TRANSACTION_LIMIT_EXCEEDED": "The amount is above the limit of your PayPal account. Please pay by card.",
    "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED": "PayPal does not accept another attempt. Please pay by card.",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decline:
    """One attempt to pay that was refused. `code` and `decline_code` are the provider's own.

    `at`: when, None where the provider does not say. `attempt`: the number of the hub's attempt, see Payment.
    `source`: the provider's id of the attempt, so that the same decline is recognized when it is read again.
    """

    code: str
    decline_code: str | None = None
    at: datetime | None = None
    attempt: int = 0
    source: str = ""

    @property
    def reason(self) -> str:
        """The more precise of the two codes."""
        return self.decline_code or self.code

    @property
    def message(self) -> str:
        """What the traveler is told, in a sentence or two."""
        return _TEXTS.get(self.decline_code or "") or _TEXTS.get(self.code) or _OTHER

    def redact_for_traveler(self) -> Self:
        """Without what only staff may know."""
        concealed = _CONCEALED & {self.code, self.decline_code}
        return replace(self, code="card_declined", decline_code=GENERIC_DECLINE) if concealed else self

    def is_same_attempt(self, other: "Decline | None") -> bool:
        return other is not None and replace(self, at=None) == replace(other, at=None)

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "decline_code": self.decline_code,
            "at": self.at.isoformat() if self.at else None,
            "attempt": self.attempt,
            "source": self.source,
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any] | None) -> "Decline | None":
        if stored is None:
            return None
        at = stored.get("at")
        return cls(
            code=stored["code"],
            decline_code=stored.get("decline_code"),
            at=datetime.fromisoformat(at) if at else None,
            attempt=stored.get("attempt", 0),
            source=stored.get("source", ""),
        )
