"""Stripe's test cards (docs.stripe.com/testing): each number, its payment method's name, and how it behaves."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Decline:
    code: str
    decline_code: str
    message: str


_CARD = "Your card was declined."
GENERIC_DECLINE = Decline("card_declined", "generic_decline", _CARD)
INSUFFICIENT_FUNDS = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
PROCESSING_ERROR = Decline(
    "processing_error", "processing_error", "An error occurred while processing your card. Try again in a little bit."
)
LIVE_CARD = Decline(
    "card_declined",
    "test_mode_live_card",
    "Your card was declined. Your request was in test mode, but used a non test (live) card. For a list of valid test "
    "cards, visit: https://stripe.com/docs/testing.",
)
WRONG_NUMBER = Decline("incorrect_number", "incorrect_number", "Your card number is incorrect.")
EXPIRED_CARD = Decline("expired_card", "expired_card", "Your card has expired.")
WRONG_CVC = Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.")

ChallengeRule = Literal["never", "always", "until_set_up"]


@dataclass(frozen=True, slots=True)
class TestCard:
    """What a payment method does when it is charged."""

    number: str
    name: str
    decline: Decline | None = None
    challenge: ChallengeRule = "never"
    dispute_reason: str | None = None
    opens_inquiry: bool = False
    """Whether the bank only asks at first."""
    refund_outcome: Literal["succeeds", "pending", "fails"] = "succeeds"
    kind: Literal["card", "sepa_debit"] = "card"
    brand: str = "visa"
    country: str = "US"
    funding: str = "credit"
    risk_level: str = "normal"

    @property
    def last4(self) -> str:
        return self.number[-4:]


def _declined(number: str, name: str, decline_code: str, message: str = _CARD) -> TestCard:
    return TestCard(number, name, Decline("card_declined", decline_code, message))


CARDS = (
    TestCard("4242424242424242", "pm_card_visa"),
    TestCard("4000056655665556", "pm_card_visa_debit", funding="debit"),
    TestCard("5555555555554444", "pm_card_mastercard", brand="mastercard"),
    TestCard("5200828282828210", "pm_card_mastercard_debit", brand="mastercard", funding="debit"),
    TestCard("378282246310005", "pm_card_amex", brand="amex"),
    TestCard("6011111111111117", "pm_card_discover", brand="discover"),
    TestCard("3056930009020004", "pm_card_diners", brand="diners"),
    TestCard("3566002020360505", "pm_card_jcb", brand="jcb"),
    TestCard("6200000000000005", "pm_card_unionpay", brand="unionpay"),
    TestCard("4000002030000002", "pm_card_cz", country="CZ"),
    TestCard("4000002760000016", "pm_card_de", country="DE"),
    TestCard("4000008260000000", "pm_card_gb", country="GB"),
    TestCard("4000000000000077", "pm_card_bypassPending"),
    TestCard("4000000000000002", "pm_card_visa_chargeDeclined", GENERIC_DECLINE),
    TestCard("4000000000009995", "pm_card_visa_chargeDeclinedInsufficientFunds", INSUFFICIENT_FUNDS),
    _declined("4000000000009987", "pm_card_visa_chargeDeclinedLostCard", "lost_card"),
    _declined("4000000000009979", "pm_card_visa_chargeDeclinedStolenCard", "stolen_card"),
    TestCard("4000000000000069", "pm_card_chargeDeclinedExpiredCard", EXPIRED_CARD),
    TestCard("4000000000000127", "pm_card_chargeDeclinedIncorrectCvc", WRONG_CVC),
    TestCard("4000000000000119", "pm_card_chargeDeclinedProcessingError", PROCESSING_ERROR),
    _declined(
        "4000000000006975",
        "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
        "card_velocity_exceeded",
        "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
    ),
    TestCard("4000000000000341", "pm_card_chargeCustomerFail", GENERIC_DECLINE),
    TestCard(
        "4100000000000019", "pm_card_radarBlock", Decline("card_declined", "fraudulent", _CARD), risk_level="highest"
    ),
    TestCard("4000000000004954", "pm_card_riskLevelHighest", risk_level="highest"),
    TestCard("4000000000009235", "pm_card_riskLevelElevated", risk_level="elevated"),
    TestCard("4000002500003155", "pm_card_authenticationRequiredOnSetup", challenge="until_set_up"),
    TestCard("4000002760003184", "pm_card_authenticationRequired", challenge="always"),
    TestCard("4000003800000446", "pm_card_authenticationRequiredSetupForOffSession", challenge="until_set_up"),
    TestCard(
        "4000008260003178",
        "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
        INSUFFICIENT_FUNDS,
        challenge="always",
    ),
    TestCard("4000000000003220", "pm_card_threeDSecure2Required", challenge="always"),
    TestCard("4000000000003063", "pm_card_threeDSecureRequired", challenge="always"),
    TestCard("4000008400001629", "pm_card_threeDSecureRequiredChargeDeclined", GENERIC_DECLINE, challenge="always"),
    TestCard("4000008400001280", "pm_card_threeDSecureRequiredProcessingError", PROCESSING_ERROR, challenge="always"),
    TestCard("4000000000003055", "pm_card_threeDSecureOptional"),
    TestCard("378282246310005", "pm_card_amex_threeDSecureNotSupported", brand="amex"),
    TestCard("4000000000000259", "pm_card_createDispute", dispute_reason="fraudulent"),
    TestCard("4000000000002685", "pm_card_createDisputeProductNotReceived", dispute_reason="product_not_received"),
    TestCard("4000000000001976", "pm_card_createDisputeInquiry", dispute_reason="fraudulent", opens_inquiry=True),
    TestCard("4000000000007726", "pm_card_pendingRefund", refund_outcome="pending"),
    TestCard("4000000000005126", "pm_card_refundFail", refund_outcome="fails"),
)
_ALIASES = {
    "pm_card_chargeDeclined": "pm_card_visa_chargeDeclined",
    "pm_card_chargeDeclinedInsufficientFunds": "pm_card_visa_chargeDeclinedInsufficientFunds",
}
"""Older names, still taken."""

_BANK_REFUSES = Decline("payment_intent_payment_attempt_failed", "", "The payment failed.")
IBANS = {
    "AT611904300234573201": TestCard("AT611904300234573201", "", kind="sepa_debit", country="AT"),
    "DE89370400440532013000": TestCard("DE89370400440532013000", "", kind="sepa_debit", country="DE"),
    "AT861904300235473202": TestCard("AT861904300235473202", "", _BANK_REFUSES, kind="sepa_debit", country="AT"),
}
_BY_NAME = {card.name: card for card in CARDS}
_BY_NUMBER = {card.number: card for card in reversed(CARDS)}


def find_by_name(name: str) -> TestCard | None:
    return _BY_NAME.get(_ALIASES.get(name, name))


def find_by_number(number: str) -> TestCard:
    """A number that is no test card is declined when charged; one that fails Luhn's check is refused at once."""
    number = number.replace(" ", "").replace("-", "")
    return _BY_NUMBER.get(number) or TestCard(number, "", LIVE_CARD if passes_luhn(number) else WRONG_NUMBER)


def passes_luhn(number: str) -> bool:
    if not (12 <= len(number) <= 19 and number.isascii() and number.isdigit()):
        return False
    digits = [int(one) for one in reversed(number)]
    return sum(digits[::2] + [sum(divmod(2 * one, 10)) for one in digits[1::2]]) % 10 == 0
