"""Stripe's test cards (docs.stripe.com/testing): each number, its payment method's name, and how it behaves."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Decline:
    code: str
    decline_code: str
    message: str


_CARD = "Your card was declined."
GENERIC = Decline("card_declined", "generic_decline", _CARD)
NO_FUNDS = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
PROCESSING = Decline(
    "processing_error", "processing_error", "An error occurred while processing your card. Try again in a little bit."
)
LIVE_CARD = Decline(
    "card_declined",
    "test_mode_live_card",
    "Your card was declined. Your request was in test mode, but used a non test (live) card. For a list of valid test "
    "cards, visit: https://stripe.com/docs/testing.",
)
WRONG_NUMBER = Decline("incorrect_number", "incorrect_number", "Your card number is incorrect.")
EXPIRED = Decline("expired_card", "expired_card", "Your card has expired.")
WRONG_CVC = Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.")

Challenge = Literal["never", "always", "until_set_up"]


@dataclass(frozen=True, slots=True)
class Card:
    """What a payment method does when it is charged."""

    number: str
    name: str
    decline: Decline | None = None
    challenge: Challenge = "never"
    dispute: str | None = None
    inquiry: bool = False
    """Whether the bank only asks at first."""
    refund: Literal["succeeds", "pending", "fails"] = "succeeds"
    kind: Literal["card", "sepa_debit"] = "card"
    brand: str = "visa"
    country: str = "US"
    funding: str = "credit"
    risk: str = "normal"

    @property
    def last4(self) -> str:
        return self.number[-4:]


def _declined(number: str, name: str, decline_code: str, message: str = _CARD) -> Card:
    return Card(number, name, Decline("card_declined", decline_code, message))


CARDS = (
    Card("4242424242424242", "pm_card_visa"),
    Card("4000056655665556", "pm_card_visa_debit", funding="debit"),
    Card("5555555555554444", "pm_card_mastercard", brand="mastercard"),
    Card("5200828282828210", "pm_card_mastercard_debit", brand="mastercard", funding="debit"),
    Card("378282246310005", "pm_card_amex", brand="amex"),
    Card("6011111111111117", "pm_card_discover", brand="discover"),
    Card("3056930009020004", "pm_card_diners", brand="diners"),
    Card("3566002020360505", "pm_card_jcb", brand="jcb"),
    Card("6200000000000005", "pm_card_unionpay", brand="unionpay"),
    Card("4000002030000002", "pm_card_cz", country="CZ"),
    Card("4000002760000016", "pm_card_de", country="DE"),
    Card("4000008260000000", "pm_card_gb", country="GB"),
    Card("4000000000000077", "pm_card_bypassPending"),
    Card("4000000000000002", "pm_card_visa_chargeDeclined", GENERIC),
    Card("4000000000009995", "pm_card_visa_chargeDeclinedInsufficientFunds", NO_FUNDS),
    _declined("4000000000009987", "pm_card_visa_chargeDeclinedLostCard", "lost_card"),
    _declined("4000000000009979", "pm_card_visa_chargeDeclinedStolenCard", "stolen_card"),
    Card("4000000000000069", "pm_card_chargeDeclinedExpiredCard", EXPIRED),
    Card("4000000000000127", "pm_card_chargeDeclinedIncorrectCvc", WRONG_CVC),
    Card("4000000000000119", "pm_card_chargeDeclinedProcessingError", PROCESSING),
    _declined(
        "4000000000006975",
        "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
        "card_velocity_exceeded",
        "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
    ),
    Card("4000000000000341", "pm_card_chargeCustomerFail", GENERIC),
    Card("4100000000000019", "pm_card_radarBlock", Decline("card_declined", "fraudulent", _CARD), risk="highest"),
    Card("4000000000004954", "pm_card_riskLevelHighest", risk="highest"),
    Card("4000000000009235", "pm_card_riskLevelElevated", risk="elevated"),
    Card("4000002500003155", "pm_card_authenticationRequiredOnSetup", challenge="until_set_up"),
    Card("4000002760003184", "pm_card_authenticationRequired", challenge="always"),
    Card("4000003800000446", "pm_card_authenticationRequiredSetupForOffSession", challenge="until_set_up"),
    Card(
        "4000008260003178",
        "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
        NO_FUNDS,
        challenge="always",
    ),
    Card("4000000000003220", "pm_card_threeDSecure2Required", challenge="always"),
    Card("4000000000003063", "pm_card_threeDSecureRequired", challenge="always"),
    Card("4000008400001629", "pm_card_threeDSecureRequiredChargeDeclined", GENERIC, challenge="always"),
    Card("4000008400001280", "pm_card_threeDSecureRequiredProcessingError", PROCESSING, challenge="always"),
    Card("4000000000003055", "pm_card_threeDSecureOptional"),
    Card("378282246310005", "pm_card_amex_threeDSecureNotSupported", brand="amex"),
    Card("4000000000000259", "pm_card_createDispute", dispute="fraudulent"),
    Card("4000000000002685", "pm_card_createDisputeProductNotReceived", dispute="product_not_received"),
    Card("4000000000001976", "pm_card_createDisputeInquiry", dispute="fraudulent", inquiry=True),
    Card("4000000000007726", "pm_card_pendingRefund", refund="pending"),
    Card("4000000000005126", "pm_card_refundFail", refund="fails"),
)
_ALIASES = {
    "pm_card_chargeDeclined": "pm_card_visa_chargeDeclined",
    "pm_card_chargeDeclinedInsufficientFunds": "pm_card_visa_chargeDeclinedInsufficientFunds",
}
"""Older names, still taken."""

_BANK_REFUSES = Decline("payment_intent_payment_attempt_failed", "", "The payment failed.")
IBANS = {
    "AT611904300234573201": Card("AT611904300234573201", "", kind="sepa_debit", country="AT"),
    "DE89370400440532013000": Card("DE89370400440532013000", "", kind="sepa_debit", country="DE"),
    "AT861904300235473202": Card("AT861904300235473202", "", _BANK_REFUSES, kind="sepa_debit", country="AT"),
}
_BY_NAME = {card.name: card for card in CARDS}
_BY_NUMBER = {card.number: card for card in reversed(CARDS)}


def by_name(name: str) -> Card | None:
    return _BY_NAME.get(_ALIASES.get(name, name))


def by_number(number: str) -> Card:
    """A number that is no test card is declined when charged; one that fails Luhn's check is refused at once."""
    number = number.replace(" ", "").replace("-", "")
    return _BY_NUMBER.get(number) or Card(number, "", LIVE_CARD if luhn(number) else WRONG_NUMBER)


def luhn(number: str) -> bool:
    if not (12 <= len(number) <= 19 and number.isascii() and number.isdigit()):
        return False
    digits = [int(one) for one in reversed(number)]
    return sum(digits[::2] + [sum(divmod(2 * one, 10)) for one in digits[1::2]]) % 10 == 0
