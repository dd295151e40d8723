"""The log of events, from which a listener can make up for webhooks it missed."""

from fnmatch import fnmatchcase

from sandbox.stripe.errors import make_invalid
from sandbox.stripe.pagination import cut_page
from sandbox.stripe.state import Object
from sandbox.stripe.wire import StripeCall


def retrieve_event(call: StripeCall) -> Object:
    return call.account.find_object("event", call.id)


def list_events(call: StripeCall) -> Object:
    stripe, params = call.account, call.params
    kinds, kind = params.read_texts("types"), params.read_text("type")
    if kinds and kind:
        raise make_invalid("You may only specify one of these parameters: type, types.")
    if len(kinds) > 20:
        raise make_invalid("types may name up to 20 event types.", "types")
    wanted = kinds or ([kind] if kind else ["*"])
    rows = [one for one in stripe.tables["event"].values() if any(fnmatchcase(one["type"], name) for name in wanted)]
    if "delivery_success" in params:
        taken = params.read_boolean("delivery_success")
        rows = [one for one in rows if (one["id"] not in stripe.undelivered_events) is taken]
    return cut_page(call, "event", "/v1/events", rows)
