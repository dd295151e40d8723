"""The nouns, put together: each gets what it needs, and nothing more. Read it from top to bottom."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import adapters
from adapters import Adapters
from hub.app.resources import Resources
from hub.app.wiring.completions import completions
from hub.app.wiring.documents import Papers, Shelf, papers
from hub.app.wiring.identity import People, Tools, people
from hub.app.wiring.plan_files import attachments, plan_facts
from hub.app.wiring.plans import Atlas, Trips, trips
from hub.core.charge_limits import ChargePolicy
from hub.core.clock import Ids
from hub.core.idempotency import Idempotency
from hub.core.inbox import Inbox
from hub.core.jobs import Jobs
from hub.core.mail_limits import MailLimits
from hub.core.metrics import WebhookMetrics
from hub.core.sealing import Vault, own_secret
from hub.core.worker import Worker
from hub.outreach.messaging import Announcements, Facts, Letters, Outbox, PlanLetters, Suppressions, Templates
from hub.oversight.audit import Audit
from hub.oversight.review_queue import Attention
from hub.people.administration import Backoffice
from hub.people.customers import Customers
from hub.people.privacy import Privacy
from hub.planning.completions import Completions
from hub.planning.files.attachments import Attachments
from hub.sales.booking_records import BookingRecords
from hub.sales.bookings import BookingLinks, Bookings, Fulfilment, Itineraries, Tickets, TravelDocuments
from hub.sales.bookings.repository import Store
from hub.sales.payments import Cashier, Gateways, Ledger, Pages, Refunds, Settlement
from hub.sales.payments.intents import Intents
from hub.sales.payments.ledger import Books
from hub.sales.payments.overview import Overview
from hub.sales.reconciliation import Accounts, Breaks, Mending, News, Orders, Reconciliation, Standing
from hub.sales.timeline import Stories
from hub.settings import Settings
from hub.supply.flights import Flights
from hub.supply.locations import Locations


@dataclass(frozen=True, slots=True)
class MoneyDesk:
    """All that moves money; there is none where no payment provider is on."""

    cashier: Cashier
    pages: Pages
    refunds: Refunds
    settlement: Settlement
    overview: Overview
    reconciliation: Reconciliation


@dataclass(frozen=True, slots=True)
class Services:
    people: People
    customers: Customers
    flights: Flights
    locations: Locations
    completions: Completions | None
    bookings: Bookings
    fulfilment: Fulfilment
    travel_documents: TravelDocuments
    tickets: Tickets
    money: MoneyDesk | None
    attention: Attention
    announcements: Announcements
    letters: Letters
    outbox: Outbox
    stories: Stories
    privacy: Privacy
    papers: Papers
    attachments: Attachments
    plan_letters: PlanLetters
    trips: Trips
    backoffice: Backoffice
    booking_records: BookingRecords
    itineraries: Itineraries
    booking_links: BookingLinks
    inbox: Inbox
    idempotency: Idempotency
    ids: Ids
    sources: dict[str, Any]

    @property
    def workers(self) -> list[object]:
        """Those that have jobs or schedules."""
        found: tuple[object, ...] = (
            self.inbox,
            self.idempotency,
            *self.people.workers,
            self.flights,
            self.bookings,
            self.fulfilment,
        )
        found += (self.travel_documents, self.tickets)
        desk = self.money
        money: tuple[object, ...] = (desk.settlement, desk.refunds, desk.reconciliation) if desk is not None else ()
        money += (self.completions.spending,) if self.completions is not None else ()
        money += (self.trips.desk.plans,)
        return [
            *found,
            *money,
            self.papers.invoices,
            self.attention,
            self.announcements,
            self.letters,
            self.plan_letters,
            self.attachments,
            self.outbox,
            self.privacy,
        ]


def services(have: Resources) -> Services:
    """Everything that does something, each given what it needs."""
    settings, clock, db = have.settings, have.clock, have.db
    locations = Locations()
    wired = adapters.build(settings, have.transport, clock, locations)
    ids, jobs, audit, vault = Ids(clock, have.chance), Jobs(), Audit(clock), _vault(settings)
    inbox = Inbox(db, jobs, clock, WebhookMetrics(have.registry))
    have.closing.push_async_callback(inbox.close)
    tools = Tools(ids, jobs, audit, vault, inbox, MailLimits(db, vault, clock))
    found = people(have, wired, tools)
    customers = Customers(db, audit, clock, ids)
    flights = _flights(have, wired, locations, ids)
    store = Store(jobs, audit, clock)
    stories = Stories(db, store)
    documents = TravelDocuments(db, clock, vault)
    bookings = Bookings(db, store, flights, audit, clock, ids, _window(settings), customers, documents)
    attention = Attention(db, audit, clock, ids)
    money = _payments(have, wired, Desk(store, customers, attention, inbox, vault))
    if money is not None:
        for name in wired.gateways:
            inbox.on(name, money.settlement.on_event)
    fulfilment = _fulfilment(wired, store, attention, documents, inbox)
    language = completions(have, wired, ids)
    itineraries, links = Itineraries(locations), BookingLinks(vault, settings.own_url, settings.frontend_url)
    printed = papers(have, wired, Shelf(store, customers, jobs, audit, ids, itineraries, links, attention))
    facts = Facts(store, vault, clock, settings.links, itineraries, links, plan_facts(settings, wired))
    outbox = _outbox(have, wired, facts, tools)
    return Services(
        people=found,
        customers=customers,
        flights=flights,
        locations=locations,
        completions=language,
        bookings=bookings,
        fulfilment=fulfilment,
        travel_documents=documents,
        tickets=fulfilment.tickets,
        money=money,
        attention=attention,
        announcements=Announcements(db, store, jobs, clock, ids, tools.limits),
        letters=Letters(db, jobs, clock, ids),
        outbox=outbox,
        stories=stories,
        privacy=Privacy(db, audit, jobs, clock, wired.gateways.get("stripe"), found.provider, documents),
        papers=printed,
        attachments=attachments(have, wired.files, audit, ids),
        plan_letters=PlanLetters(db, jobs, clock, ids),
        trips=trips(have, wired, Atlas(flights, locations, language, printed.printer, printed.glyphs), ids),
        backoffice=Backoffice(db, audit, clock, found.lockout),
        booking_records=BookingRecords(db, store, stories, audit),
        itineraries=itineraries,
        booking_links=links,
        inbox=inbox,
        idempotency=Idempotency(db, clock, ids),
        ids=ids,
        sources=wired.webhooks,
    )


def _outbox(have: Resources, wired: Adapters, facts: Facts, tools: Tools) -> Outbox:
    """Messages on their way out, and what their providers report of them."""
    suppressions = Suppressions(have.db, tools.audit, have.clock)
    outbox = Outbox(
        have.db, facts, tools.jobs, tools.audit, have.clock, Templates(), suppressions, wired.mailer, wired.texter
    )
    for provider in ("resend", "twilio"):
        tools.inbox.on(provider, outbox.on_event)
    return outbox


def _window(settings: Settings) -> timedelta:
    """How long an unpaid booking is kept."""
    return timedelta(seconds=settings.payment_window)


def _fulfilment(
    wired: Adapters, store: Store, attention: Attention, documents: TravelDocuments, inbox: Inbox
) -> Fulfilment:
    """Orders at the suppliers, and what the suppliers tell of them."""
    db, clock, suppliers = documents.db, documents.clock, wired.suppliers
    tickets = Tickets(db, clock, suppliers, store.jobs, store.audit)
    fulfilment = Fulfilment(db, store, attention, clock, suppliers, documents, tickets, _charges(wired))
    for supplier in suppliers:
        inbox.on(supplier, fulfilment.on_event)
    return fulfilment


def _vault(settings: Settings) -> Vault:
    given = [one.get_secret_value() for one in settings.secret_keys]
    return Vault(given or [own_secret(settings.data_dir)])


def _flights(have: Resources, wired: Adapters, locations: Locations, ids: Ids) -> Flights:
    return Flights(
        suppliers=wired.suppliers,
        locations=locations,
        cache=have.cache,
        db=have.db,
        clock=have.clock,
        ids=ids,
        ttl=have.settings.search_ttl,
        deadline=have.settings.search_deadline,
        sandboxed=wired.sandboxed,
        charges=_charges(wired),
    )


def _charges(wired: Adapters) -> ChargePolicy:
    """What the payment providers that are on can charge."""
    return ChargePolicy({name: gateway.charge_limits for name, gateway in wired.gateways.items()})


@dataclass(frozen=True, slots=True)
class Desk:
    """What the desk of the money needs of others."""

    store: Store
    customers: Customers
    attention: Attention
    inbox: Inbox
    vault: Vault


def _payments(have: Resources, wired: Adapters, by: Desk) -> MoneyDesk | None:
    if not wired.gateways:
        return None
    default = have.settings.payment_provider
    gateways = Gateways(wired.gateways, default if default in wired.gateways else next(iter(wired.gateways)))
    db, clock, ids, store = have.db, have.clock, by.attention.ids, by.store
    ledger = Ledger(store, store.jobs, store.audit, Books(clock, ids), by.attention, clock, ids)
    intents = Intents(db, store, by.customers, gateways)
    refunds = Refunds(db, ledger, gateways, clock, ids, by.vault)
    window = timedelta(seconds=have.settings.payment_window)
    cashier = Cashier(db, store, ledger, intents, gateways, clock, ids, window)
    return MoneyDesk(
        cashier=cashier,
        pages=Pages(db, cashier),
        refunds=refunds,
        overview=Overview(db),
        settlement=Settlement(db, store, ledger, intents, refunds, gateways, clock, ids),
        reconciliation=_reconciliation(have, wired, ledger, intents, by.inbox),
    )


def _reconciliation(have: Resources, wired: Adapters, ledger: Ledger, intents: Intents, inbox: Inbox) -> Reconciliation:
    db, clock, gateways = have.db, have.clock, intents.gateways
    breaks = Breaks(db, ledger.attention, clock, ledger.ids)
    return Reconciliation(
        db=db,
        accounts=Accounts(db, ledger, intents, gateways, breaks, clock),
        orders=Orders(db, breaks, clock, wired.suppliers),
        news=News(db, inbox, clock),
        standing=Standing(db, breaks, clock),
        mending=Mending(db, ledger, gateways, breaks),
        breaks=breaks,
        clock=clock,
        ids=ledger.ids,
    )


def worker(have: Resources, made: Services) -> Worker:
    """Runs the jobs of all services; its connection LISTENs, so it goes past a transaction pooler."""
    found = Worker(have.db, have.db.connect, have.clock, have.chance)
    found.add(*made.workers)
    return found
