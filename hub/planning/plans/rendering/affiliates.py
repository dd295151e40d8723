"""Links that may earn the operator a commission, made from addresses that the operator has set, and said to be so."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from hub.planning.plans.model import Plan

DISCLOSURE = "We may earn a commission if you book through these links. The price is the same for you."
_LABELS = {
    "hotels": "Places to stay in {}",
    "tours": "Tours and tickets in {}",
    "cars": "Hire cars in {}",
    "transfers": "Transfers in {}",
    "insurance": "Travel insurance",
}
AFFILIATE_KINDS = tuple(_LABELS)


@dataclass(frozen=True, slots=True)
class AffiliateLink:
    """`url` is https. Who follows it may be paid for, and `disclosure` says so."""

    label: str
    url: str
    disclosure: str


@dataclass(frozen=True, slots=True)
class AffiliateTemplates:
    """By kind (see KINDS) an https address with {destination} {country} {start} {end} {adults} in it, none twice."""

    url_templates: Mapping[str, str] = field(default_factory=dict)
    disclosure: str = DISCLOSURE


def build_affiliate_links(plan: Plan, given: AffiliateTemplates, *, adults: int = 1) -> list[AffiliateLink]:
    """One for each kind that has an address. Dates are `YYYY-MM-DD`; what is put in is percent-encoded.

    A link is https to the host of its address: nothing that a model or a traveller writes can make it another.
    """
    if not plan.days:
        return []
    place = " ".join(plan.destination.split())
    days = [one.date for one in plan.days]
    values = {
        "destination": place,
        "country": plan.country or "",
        "start": min(days).isoformat(),
        "end": max(days).isoformat(),
        "adults": str(adults),
    }
    encoded = {name: quote(value.encode(errors="replace"), safe="") for name, value in values.items()}
    found = []
    for kind in AFFILIATE_KINDS:
        address = given.url_templates.get(kind)
        if address and (url := _filled(address, encoded)):
            found.append(AffiliateLink(_LABELS[kind].format(place), url, given.disclosure))
    return found


def _filled(address: str, values: Mapping[str, str]) -> str | None:
    """None where the address turns out to lead elsewhere than to the https host that it was set to."""
    url = address
    for name, value in values.items():
        url = url.replace(f"{{{name}}}", value)
    was, now = urlsplit(address), urlsplit(url)
    return url if now.scheme == "https" and now.netloc and now.netloc == was.netloc else None
