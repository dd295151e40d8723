"""Where a purchase unit is sent to: kept and shown as it came."""

from typing import Any

from sandbox.paypal.errors import malformed
from sandbox.paypal.state import Object
from sandbox.paypal.wire import check_played, fields, text

_TYPES = frozenset({"SHIPPING", "PICKUP_IN_PERSON", "PICKUP_IN_STORE", "PICKUP_FROM_PERSON"})
_ADDRESS = {
    "address_line_1": 300, "address_line_2": 300, "admin_area_1": 300, "admin_area_2": 120, "postal_code": 60,
    "country_code": 2,
}  # fmt: skip


def read_shipping(given: Any, where: str) -> Object:
    """Type, name, e-mail and address. Raises Refused."""
    shipping = fields(given)
    check_played(shipping, ("options", "phone_number"), where)
    found: Object = {}
    if (kind := text(shipping, "type", 255, where)) is not None:
        if kind not in _TYPES:
            raise malformed("INVALID_PARAMETER_VALUE", f"{where}/type", kind)
        found["type"] = kind
    if shipping.get("name") is not None:
        found["name"] = {"full_name": text(fields(shipping["name"]), "full_name", 300, f"{where}/name") or ""}
    if (email := text(shipping, "email_address", 254, where)) is not None:
        found["email_address"] = email
    if shipping.get("address") is not None:
        found["address"] = _address(fields(shipping["address"]), f"{where}/address")
    return found


def _address(given: Object, where: str) -> Object:
    found = {name: line for name, most in _ADDRESS.items() if (line := text(given, name, most, where)) is not None}
    if "country_code" not in found:
        raise malformed("MISSING_REQUIRED_PARAMETER", f"{where}/country_code")
    if not (len(found["country_code"]) == 2 and found["country_code"].isupper()):
        raise malformed("INVALID_PARAMETER_SYNTAX", f"{where}/country_code")
    return found
