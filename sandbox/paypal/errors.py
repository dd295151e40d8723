"""PayPal's error bodies, raised from wherever the trouble is seen."""

from typing import Any

_MESSAGES = {
    400: ("INVALID_REQUEST", "Request is not well-formed, syntactically incorrect, or violates schema."),
    403: ("NOT_AUTHORIZED", "Authorization failed due to insufficient permissions."),
    404: ("RESOURCE_NOT_FOUND", "The specified resource does not exist."),
    409: ("RESOURCE_CONFLICT", "The server has detected a conflict while processing this request."),
    422: (
        "UNPROCESSABLE_ENTITY",
        "The requested action could not be performed, semantically incorrect, or failed business validation.",
    ),
}
_TEXTS = {
    "AMOUNT_MISMATCH": (
        "Should equal item_total + tax_total + shipping + handling + insurance - shipping_discount - discount."
    ),
    "CURRENCY_MISMATCH": "All amounts of a purchase unit must have the same currency.",
    "ITEM_TOTAL_MISMATCH": "Should equal sum of (unit_amount * quantity) across all items for a given purchase_unit.",
    "ITEM_TOTAL_REQUIRED": "If item details are specified then items_total breakdown is required.",
    "TAX_TOTAL_MISMATCH": "Should equal sum of (tax * quantity) across all items for a given purchase_unit.",
    "TAX_TOTAL_REQUIRED": "If item details are specified then tax_total breakdown is required.",
    "ACTION_DOES_NOT_MATCH_INTENT": "The order was created with another intent.",
    "AUTHORIZATION_ALREADY_CAPTURED": "Authorization has previously been captured.",
    "AUTHORIZATION_DENIED": "An denied authorization cannot be captured.",
    "AUTHORIZATION_EXPIRED": "An expired authorization cannot be captured.",
    "AUTHORIZATION_VOIDED": "A voided authorization cannot be captured or reauthorized.",
    "AUTH_CAPTURE_CURRENCY_MISMATCH": "Currency of capture must be the same as currency of authorization.",
    "CANNOT_BE_VOIDED": "A reauthorization cannot be voided. Please void the original parent authorization.",
    "CANNOT_BE_ZERO_OR_NEGATIVE": "Must be greater than zero.",
    "CAPTURE_FULLY_REFUNDED": "The capture has already been fully refunded",
    "DECIMALS_NOT_SUPPORTED": "Currency does not support decimals.",
    "DECIMAL_PRECISION": "If the currency supports decimals, only two decimal place precision is supported.",
    "DISPUTE_ALREADY_ESCALATED": "The dispute is not in the inquiry stage.",
    "DISPUTE_ALREADY_RESOLVED": "The dispute has been resolved.",
    "DISPUTE_NOT_RESOLVED": "The dispute has not been resolved yet.",
    "DUPLICATE_INVOICE_ID": "Requested invoice_id has been previously captured. Possible duplicate transaction.",
    "FIELD_NOT_PATCHABLE": "Field cannot be patched.",
    "INSTRUMENT_DECLINED": (
        "The instrument presented was either declined by the processor or bank, or it can't be used for this payment."
    ),
    "INVALID_CURRENCY_CODE": "Currency code is invalid or is not currently supported.",
    "INVALID_PARAMETER_SYNTAX": "The value of a field does not conform to the expected format.",
    "INVALID_PARAMETER_VALUE": "A parameter value is not valid.",
    "INVALID_RESOURCE_ID": "Specified resource ID does not exist. Please check the resource ID and try again.",
    "INVALID_STRING_LENGTH": "The value of a field is either too short or too long",
    "MALFORMED_REQUEST_JSON": "The request JSON is not well formed.",
    "MAX_CAPTURE_AMOUNT_EXCEEDED": "Capture amount exceeds allowable limit.",
    "MAX_CAPTURE_COUNT_EXCEEDED": "Maxmimum number of allowable captures has been reached.",
    "MISSING_REQUIRED_PARAMETER": "A required parameter is missing.",
    "MULTI_CURRENCY_ORDER": "Multiple differing values of currency_code are not supported.",
    "NOT_PLAYED_BY_THE_SANDBOX": "PayPal acts on this field; the sandbox does not play it.",
    "ORDER_ALREADY_AUTHORIZED": (
        "Order already authorized.If 'intent=AUTHORIZE' only one authorization per order is allowed."
    ),
    "ORDER_ALREADY_CAPTURED": "Order already captured. If 'intent=CAPTURE' only one capture per order is allowed.",
    "ORDER_ALREADY_COMPLETED": "The order cannot be patched after it is completed.",
    "ORDER_NOT_APPROVED": (
        "Payer has not yet approved the Order for payment. Please redirect the payer to the 'rel':'approve' url "
        "returned as part of the HATEOAS links within the Create Order call."
    ),
    "PAYPAL_REQUEST_ID_PREVIOUSLY_USED": "The PayPal-Request-ID has already been used for another request.",
    "PAYPAL_REQUEST_ID_REQUIRED": "A PayPal-Request-Id is required if you are trying to process payment for an Order.",
    "PENDING_CAPTURE": "Cannot initiate a refund as the capture is pending.",
    "PREVIOUSLY_CAPTURED": "Authorization has been previously captured and hence cannot be voided.",
    "PREVIOUSLY_VOIDED": "Authorization has been previously voided and hence cannot be voided again.",
    "PREVIOUS_REQUEST_IN_PROGRESS": "A previous request on this resource is currently in progress.",
    "REAUTHORIZATION_NOT_SUPPORTED": "A reauthorize cannot be attempted on this authorization_id.",
    "REFUND_AMOUNT_EXCEEDED": (
        "The refund amount must be less than or equal to the capture amount that has not yet been refunded."
    ),
    "REFUND_CAPTURE_CURRENCY_MISMATCH": "Refund must be in the same currency as the capture",
    "REFUND_NOT_ALLOWED": "Capture cannot be refunded.",
    "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK": "Refunds are not allowed on this capture due to a chargeback.",
    "REFERENCE_ID_NOT_FOUND": "Filter expression value is incorrect. Please check the value of the reference_id.",
    "TRANSACTION_DISPUTED": "Partial refunds cannot be offered at this time because there is an open case.",
    "UNSUPPORTED_INTENT": "`intent=AUTHORIZE` is not supported for multiple purchase units.",
}


class PayPalApiError(Exception):
    """An answer that is an error; nothing has been done. `redirect` is where the payer can mend it."""

    def __init__(self, status: int, issue: str, field: str = "", value: str = "", redirect: str = "") -> None:
        super().__init__(f"{status} {issue}")
        self.status = status
        self.issue = issue
        self.redirect = redirect
        self.facts: tuple[int, str, str, str, str] = (status, issue, field, value, redirect)
        self.detail: dict[str, Any] = {"issue": issue, "description": _TEXTS.get(issue, issue)}
        if field:
            self.detail |= {"field": field, "location": "body"}
        if value:
            self.detail["value"] = value

    def build_body(self, debug_id: str) -> dict[str, Any]:
        name, message = _MESSAGES[self.status]
        links = [
            {
                "href": f"https://developer.paypal.com/api/rest/reference/orders/v2/errors/#{self.issue}",
                "rel": "information_link",
                "method": "GET",
            }
        ]
        if self.redirect:
            links.append({"href": self.redirect, "rel": "redirect", "method": "GET"})
        return {"name": name, "message": message, "debug_id": debug_id, "details": [self.detail], "links": links}


def make_malformed(issue: str, field: str = "", value: str = "") -> PayPalApiError:
    return PayPalApiError(400, issue, field, value)


def make_unprocessable(issue: str, field: str = "", redirect: str = "") -> PayPalApiError:
    return PayPalApiError(422, issue, field, redirect=redirect)


def make_not_found() -> PayPalApiError:
    return PayPalApiError(404, "INVALID_RESOURCE_ID")


class PayPalUnauthorized(Exception):
    """401, in the two manners of PayPal: no token at all, and one that is not good any more."""

    def __init__(self, given: bool) -> None:
        super().__init__("unauthorised")
        self.given = given

    def build_body(self, debug_id: str) -> dict[str, Any]:
        if self.given:
            return {"error": "invalid_token", "error_description": "Token signature verification failed"}
        text = "Authentication failed due to missing authorization header, or invalid authentication credentials."
        return {"name": "AUTHENTICATION_FAILURE", "message": text, "debug_id": debug_id, "links": []}
