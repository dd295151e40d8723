"""Where a purchase unit is sent to: kept and shown as it came."""

from typing import Any

from sandbox.paypal.errors import make_malformed
from sandbox.paypal.state import Object
from sandbox.paypal.wire import check_supported, read_object, read_text

_TYPES = frozenset({"SHIPPING", "PICKUP_IN_PERSON", "PICKUP_IN_STORE", "PICKUP_FROM_PERSON"})
_ADDRESS = {
    "address_line_1": 300, "address_line_2": 300, "admin_area_1": 300, "admin_area_2": 120, "postal_code": 60,
    "country_code": 2,
}  # fmt: skip


def read_shipping(given: Any, where: str) -> Object:
    """Type, name, e-mail and address. Raises Refused."""
    shipping = read_object(given)
    check_supported(shipping, ("options", "phone_number"), where)
    found: Object = {}
    if (kind := read_text(shipping, "type", 255, where)) is not None:
        if kind not in _TYPES:
            raise make_malformed("INVALID_PARAMETER_VALUE", f"{where}/type", kind)
        found["type"] = kind
    if shipping.get("name") is not None:
        found["name"] = {"full_name": read_text(read_object(shipping["name"]), "full_name", 300, f"{where}/name") or ""}
    if (email := read_text(shipping, "email_address", 254, where)) is not None:
        found["email_address"] = email
    if shipping.get("address") is not None:
        found["address"] = _address(read_object(shipping["address"]), f"{where}/address")
    return found


def _address(given: Object, where: str) -> Object:
    found = {name: line for name, most in _ADDRESS.items() if (line := read_text(given, name, most, where)) is not None}
    if "country_code" not in found:
        raise make_malformed("MISSING_REQUIRED_PARAMETER", f"{where}/country_code")
    if not (len(found["country_code"]) == 2 and found["country_code"].isupper()):
        raise make_malformed("INVALID_PARAMETER_SYNTAX", f"{where}/country_code")
    return found
