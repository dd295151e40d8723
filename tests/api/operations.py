"""All that the hub can be asked, from its own routes and its own document, and bodies to ask it with."""

import json
import random
import re
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import uuid4

from aiohttp import web

from hub import app as root
from hub.core.clock import SystemClock
from hub.core.metrics import new_registry
from hub.people.identity.permissions import Permission, Role
from hub.settings import Settings
from routes.system.permissions import list_route_permissions
from tests.support.running import soon

PASSWORD = "correct horse battery"
HOME = {"name": "Mallory", "line1": "1 Back Street", "city": "Hull", "country": "GB"}
TRIP = {"destination": "Lisbon", "start_date": soon().isoformat(), "end_date": soon(42).isoformat()}
SEARCH = {"origin": "LHR", "destination": "BCN", "departure_date": soon().isoformat()}


@cache
def application() -> web.Application:
    """The whole of it, without a database or a network: good for looking at."""
    nothing: Any = object()
    parts = (SystemClock(), random.SystemRandom(), nothing, nothing, nothing, new_registry(), AsyncExitStack())
    have = root.Resources(Settings.from_environment(), *parts)
    return root.build_web_app(have, root.build_services(have), None)


@dataclass(frozen=True)
class Operation:
    """One route; `schema` is the name of its body in the document."""

    method: str
    path: str
    permission: Permission
    schema: str | None = None

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)", self.path)

    @property
    def is_for_travelers(self) -> bool:
        return self.permission.roles is not None and Role.TRAVELER in self.permission.roles

    @property
    def is_for_staff(self) -> bool:
        return self.permission.roles is not None and Role.TRAVELER not in self.permission.roles

    def filled(self, ids: dict[str, str]) -> str:
        return re.sub(r"{(\w+)}", lambda found: ids[found[1]], self.path)


@cache
def operations() -> tuple[Operation, ...]:
    """Every route of the application."""
    paths = root.build_openapi_document(Settings.from_environment())["paths"]
    found = []
    for line in list_route_permissions(application()):
        described = json.dumps(paths.get(line.path, {}).get(line.method.lower(), {}).get("requestBody"))
        schema = re.search(r"#/components/schemas/(\w+)", described)
        found.append(Operation(line.method, line.path, line.permission, schema[1] if schema else None))
    return tuple(found)


def body(schema: str | None, *, sender: str, booking_id: str) -> Any:
    """One that is taken where it is one's own: what is refused is refused for whose it is. A new one goes in here."""
    both = {"password": PASSWORD, "code": "000000"}
    person = {"title": "mr", "gender": "m", "given_name": "M", "family_name": "M", "born_on": "1990-01-01"}
    known: dict[str | None, Any] = {
        None: None,
        "ProfileIn": {"name": "Mallory", "phone": "+447700900999"},
        "AddressIn": HOME | {"is_default": True},
        "PreferencesIn": {"meal": "poison"},
        "BookingPatch": {"notes": "mine now", "contact": {"email": sender}},
        "Erasure": {"password": PASSWORD},
        "IntentIn": {"booking_id": booking_id},
        "CheckoutIn": {"booking_id": booking_id},
        "LinkIn": {"booking_id": booking_id},
        "RefundIn": {"booking_id": booking_id, "reason": "mine now"},
        "Resolution": {"note": "It is well so."},
        "PriceIn": {"amount": 1, "currency": "USD"},
        "BookingIn": {"offer_id": "none", "travelers": [person | {"nationality": "GB"}], "contact": {"email": sender}},
        "SearchIn": SEARCH,
        "Registration": {"email": sender, "password": PASSWORD, "name": "Mallory"},
        "Credentials": {"email": sender, "password": PASSWORD},
        "RefreshRequest": {"refresh_token": "none"},
        "Confirmation": {"token": "none"},
        "Address": {"email": sender},
        "Resend": {"email": sender},
        "PasswordResetIn": {"token": "none", "password": PASSWORD},
        "PasswordChange": {"current_password": PASSWORD, "new_password": PASSWORD},
        "PasswordOnly": {"password": PASSWORD},
        "CodeOnly": {"code": "000000"},
        "PasswordAndCode": both,
        "StaffCredentials": {"email": sender, "password": PASSWORD},
        "StaffPassword": {"email": sender, "password": PASSWORD},
        "StaffPasswordAndCode": {"email": sender} | both,
        "OwnPasswordAndCode": both,
        "PasswordChangeIn": {"password": PASSWORD, "new_password": f"{PASSWORD}!"},
        "NewStaff": {"email": sender, "name": "Mallory", "roles": ["admin"], "password": PASSWORD},
        "StaffChange": {"roles": ["admin"]},
        "NoteIn": {"note": "It is well so."},
        "RunIn": {"hours": 1},
        "ChatIn": {"messages": [{"role": "user", "content": "Where to?"}]},
        "PlanIn": TRIP,
        "UploadIn": None,
        "PlanEdit": {"version": 1, "title": "mine now"},
        "WishIn": {"wish": "make it mine"},
        "VisibilityIn": {"visibility": "public"},
    }
    return known[schema]


def nobodys(name: str) -> str:
    """An id that nobody has, of the shape that a path parameter of that name takes."""
    shapes = {
        "number": "1999-000001",
        "name": "docs.js",
        "provider": "stripe",
        "token": "none",
        "offer_id": "none",
        "model": "none",
    }
    shapes["version"] = "999"
    return shapes.get(name) or str(uuid4())


@cache
def schemas() -> dict[str, set[str]]:
    """The fields of every body."""
    found = root.build_openapi_document(Settings.from_environment())["components"]["schemas"]
    return {name: set(one.get("properties", ())) for name, one in found.items()}
