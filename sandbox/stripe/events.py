"""The log of events, from which a listener can make up for webhooks it missed."""

from fnmatch import fnmatchcase

from sandbox.stripe.errors import invalid
from sandbox.stripe.listing import cut
from sandbox.stripe.state import Object
from sandbox.stripe.wire import Call


def retrieve(call: Call) -> Object:
    return call.stripe.find("event", call.id)


def listed(call: Call) -> Object:
    stripe, params = call.stripe, call.params
    kinds, kind = params.texts("types"), params.text("type")
    if kinds and kind:
        raise invalid("You may only specify one of these parameters: type, types.")
    if len(kinds) > 20:
        raise invalid("types may name up to 20 event types.", "types")
    wanted = kinds or ([kind] if kind else ["*"])
    rows = [one for one in stripe.tables["event"].values() if any(fnmatchcase(one["type"], name) for name in wanted)]
    if "delivery_success" in params:
        taken = params.boolean("delivery_success")
        rows = [one for one in rows if (one["id"] not in stripe.undelivered) is taken]
    return cut(call, "event", "/v1/events", rows)
