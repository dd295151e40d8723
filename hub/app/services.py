"""The nouns, put together: each gets what it needs, and nothing more. Read it from top to bottom."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import adapters
from adapters import Adapters
from hub.app.resources import Resources
from hub.app.wiring.completions import build_completions
from hub.app.wiring.documents import DocumentDependencies, DocumentServices, build_documents
from hub.app.wiring.identity import CoreServices, IdentityServices, build_identity
from hub.app.wiring.plan_files import build_attachments, build_plan_message_context
from hub.app.wiring.plans import PlanDependencies, PlanServices, build_plan_services
from hub.core.charge_limits import ChargePolicy
from hub.core.clock import IdGenerator
from hub.core.idempotency import IdempotencyKeys
from hub.core.inbox import Inbox
from hub.core.jobs import JobQueue
from hub.core.mail_limits import MailLimits
from hub.core.metrics import WebhookMetrics
from hub.core.sealing import SecretBox, load_or_create_secret
from hub.core.worker import Worker
from hub.outreach.messaging import (
    AccountMessages,
    BookingMessages,
    MessageContexts,
    MessageSender,
    MessageTemplates,
    PlanMessages,
    Suppressions,
)
from hub.oversight.audit import AuditLog
from hub.oversight.review_queue import ReviewQueue
from hub.people.administration import CustomerAdmin
from hub.people.customers import Customers
from hub.people.privacy import PrivacyService
from hub.planning.completions import Completions
from hub.planning.files import Attachments
from hub.sales.booking_records import BookingRecords
from hub.sales.bookings import (
    BookingLinks,
    BookingRepository,
    BookingService,
    Fulfillment,
    ItineraryBuilder,
    Tickets,
    TravelDocuments,
)
from hub.sales.payments import (
    CheckoutService,
    GatewayRegistry,
    HostedCheckout,
    Ledger,
    LedgerOverview,
    PaymentIntents,
    PaymentStateMachine,
    RefundService,
    Settlement,
)
from hub.sales.reconciliation import (
    BreakRegister,
    MissedEvents,
    PaymentAccountCheck,
    Reconciliation,
    Repairs,
    StalledRecordCheck,
    SupplierOrderCheck,
)
from hub.sales.timeline import Timeline
from hub.settings import Settings
from hub.supply.flights import Flights
from hub.supply.locations import Locations


@dataclass(frozen=True, slots=True)
class PaymentServices:
    """All that moves money; there is none where no payment provider is on."""

    checkout: CheckoutService
    hosted_checkout: HostedCheckout
    refunds: RefundService
    settlement: Settlement
    overview: LedgerOverview
    reconciliation: Reconciliation


@dataclass(frozen=True, slots=True)
class Services:
    identity: IdentityServices
    customers: Customers
    flights: Flights
    locations: Locations
    completions: Completions | None
    bookings: BookingService
    fulfillment: Fulfillment
    travel_documents: TravelDocuments
    tickets: Tickets
    payments: PaymentServices | None
    review_queue: ReviewQueue
    booking_messages: BookingMessages
    account_messages: AccountMessages
    message_sender: MessageSender
    timeline: Timeline
    privacy: PrivacyService
    documents: DocumentServices
    attachments: Attachments
    plan_messages: PlanMessages
    plans: PlanServices
    customer_admin: CustomerAdmin
    booking_records: BookingRecords
    itineraries: ItineraryBuilder
    booking_links: BookingLinks
    inbox: Inbox
    idempotency: IdempotencyKeys
    ids: IdGenerator
    webhook_sources: dict[str, Any]

    @property
    def job_services(self) -> list[object]:
        """Those that have jobs or schedules."""
        found: tuple[object, ...] = (
            self.inbox,
            self.idempotency,
            *self.identity.job_services,
            self.flights,
            self.bookings,
            self.fulfillment,
        )
        found += (self.travel_documents, self.tickets)
        desk = self.payments
        money: tuple[object, ...] = (desk.settlement, desk.refunds, desk.reconciliation) if desk is not None else ()
        money += (self.completions.budgets,) if self.completions is not None else ()
        money += (self.plans.facade.plans,)
        return [
            *found,
            *money,
            self.documents.invoices,
            self.review_queue,
            self.booking_messages,
            self.account_messages,
            self.plan_messages,
            self.attachments,
            self.message_sender,
            self.privacy,
        ]


def build_services(have: Resources) -> Services:
    """Everything that does something, each given what it needs."""
    settings, clock, db = have.settings, have.clock, have.db
    locations = Locations()
    wired = adapters.build_adapters(settings, have.transport, clock, locations)
    ids, jobs, audit, vault = IdGenerator(clock, have.rng), JobQueue(), AuditLog(clock), _vault(settings)
    inbox = Inbox(db, jobs, clock, WebhookMetrics(have.registry))
    have.exit_stack.push_async_callback(inbox.close)
    tools = CoreServices(ids, jobs, audit, vault, inbox, MailLimits(db, vault, clock))
    found = build_identity(have, wired, tools)
    customers = Customers(db, audit, clock, ids)
    flights = _flights(have, wired, locations, ids)
    store = BookingRepository(jobs, audit, clock)
    stories = Timeline(db, store)
    documents = TravelDocuments(db, clock, vault)
    bookings = BookingService(db, store, flights, audit, clock, ids, _window(settings), customers, documents)
    attention = ReviewQueue(db, audit, clock, ids)
    money = _payments(have, wired, PaymentDependencies(store, customers, attention, inbox, vault))
    _register_payment_handlers(inbox, wired, money)
    fulfilment = _fulfilment(wired, store, attention, documents, inbox)
    language = build_completions(have, wired, ids)
    itineraries, links = ItineraryBuilder(locations), BookingLinks(vault, settings.own_url, settings.frontend_url)
    printed = build_documents(
        have, wired, DocumentDependencies(store, customers, jobs, audit, ids, itineraries, links, attention)
    )
    facts = MessageContexts(
        store, vault, clock, settings.link_base_url, itineraries, links, build_plan_message_context(settings, wired)
    )
    return Services(
        identity=found,
        customers=customers,
        flights=flights,
        locations=locations,
        completions=language,
        bookings=bookings,
        fulfillment=fulfilment,
        travel_documents=documents,
        tickets=fulfilment.tickets,
        payments=money,
        review_queue=attention,
        booking_messages=BookingMessages(db, store, jobs, clock, ids, tools.mail_limits),
        account_messages=AccountMessages(db, jobs, clock, ids),
        message_sender=_outbox(have, wired, facts, tools),
        timeline=stories,
        privacy=PrivacyService(db, audit, jobs, clock, wired.gateways.get("stripe"), found.provider, documents),
        documents=printed,
        attachments=build_attachments(have, wired.files, audit, ids),
        plan_messages=PlanMessages(db, jobs, clock, ids),
        plans=build_plan_services(
            have, wired, PlanDependencies(flights, locations, language, printed.printer, printed.glyph_reports), ids
        ),
        customer_admin=CustomerAdmin(db, audit, clock, found.lockout),
        booking_records=BookingRecords(db, store, stories, audit),
        itineraries=itineraries,
        booking_links=links,
        inbox=inbox,
        idempotency=IdempotencyKeys(db, clock, ids),
        ids=ids,
        webhook_sources=wired.webhooks,
    )


def _register_payment_handlers(inbox: Inbox, wired: Adapters, payments: PaymentServices | None) -> None:
    if payments is not None:
        for provider in wired.gateways:
            inbox.register_handler(provider, payments.settlement.handle_webhook)


def _outbox(have: Resources, wired: Adapters, facts: MessageContexts, tools: CoreServices) -> MessageSender:
    """Messages on their way out, and what their providers report of them."""
    suppressions = Suppressions(have.db, tools.audit, have.clock)
    outbox = MessageSender(
        have.db,
        facts,
        tools.jobs,
        tools.audit,
        have.clock,
        MessageTemplates(),
        suppressions,
        wired.mailer,
        wired.sms_sender,
    )
    for provider in ("resend", "twilio"):
        tools.inbox.register_handler(provider, outbox.handle_webhook)
    return outbox


def _window(settings: Settings) -> timedelta:
    """How long an unpaid booking is kept."""
    return timedelta(seconds=settings.payment_window)


def _fulfilment(
    wired: Adapters, store: BookingRepository, attention: ReviewQueue, documents: TravelDocuments, inbox: Inbox
) -> Fulfillment:
    """Orders at the suppliers, and what the suppliers tell of them."""
    db, clock, suppliers = documents.db, documents.clock, wired.suppliers
    tickets = Tickets(db, clock, suppliers, store.jobs, store.audit)
    fulfilment = Fulfillment(db, store, attention, clock, suppliers, documents, tickets, _charges(wired))
    for supplier in suppliers:
        inbox.register_handler(supplier, fulfilment.handle_webhook)
    return fulfilment


def _vault(settings: Settings) -> SecretBox:
    given = [one.get_secret_value() for one in settings.secret_keys]
    return SecretBox(given or [load_or_create_secret(settings.data_dir)])


def _flights(have: Resources, wired: Adapters, locations: Locations, ids: IdGenerator) -> Flights:
    return Flights(
        suppliers=wired.suppliers,
        locations=locations,
        cache=have.cache,
        db=have.db,
        clock=have.clock,
        ids=ids,
        ttl=have.settings.search_ttl,
        supplier_timeout=have.settings.search_deadline,
        sandboxed_suppliers=wired.sandboxed_providers,
        charge_policy=_charges(wired),
    )


def _charges(wired: Adapters) -> ChargePolicy:
    """What the payment providers that are on can charge."""
    return ChargePolicy({name: gateway.charge_limits for name, gateway in wired.gateways.items()})


@dataclass(frozen=True, slots=True)
class PaymentDependencies:
    """What the desk of the money needs of others."""

    bookings: BookingRepository
    customers: Customers
    review_queue: ReviewQueue
    inbox: Inbox
    secret_box: SecretBox


def _payments(have: Resources, wired: Adapters, by: PaymentDependencies) -> PaymentServices | None:
    if not wired.gateways:
        return None
    default = have.settings.payment_provider
    gateways = GatewayRegistry(wired.gateways, default if default in wired.gateways else next(iter(wired.gateways)))
    db, clock, ids, store = have.db, have.clock, by.review_queue.ids, by.bookings
    ledger = PaymentStateMachine(store, store.jobs, store.audit, Ledger(clock, ids), by.review_queue, clock, ids)
    intents = PaymentIntents(db, store, by.customers, gateways)
    refunds = RefundService(db, ledger, gateways, clock, ids, by.secret_box)
    window = timedelta(seconds=have.settings.payment_window)
    cashier = CheckoutService(db, store, ledger, intents, gateways, clock, ids, window)
    return PaymentServices(
        checkout=cashier,
        hosted_checkout=HostedCheckout(db, cashier),
        refunds=refunds,
        overview=LedgerOverview(db),
        settlement=Settlement(db, store, ledger, intents, refunds, gateways, clock, ids),
        reconciliation=_reconciliation(have, wired, ledger, intents, by.inbox),
    )


def _reconciliation(
    have: Resources, wired: Adapters, ledger: PaymentStateMachine, intents: PaymentIntents, inbox: Inbox
) -> Reconciliation:
    db, clock, gateways = have.db, have.clock, intents.gateways
    breaks = BreakRegister(db, ledger.review_queue, clock, ledger.ids)
    return Reconciliation(
        db=db,
        payment_accounts=PaymentAccountCheck(db, ledger, intents, gateways, breaks, clock),
        supplier_orders=SupplierOrderCheck(db, breaks, clock, wired.suppliers),
        missed_events=MissedEvents(db, inbox, clock),
        stalled_records=StalledRecordCheck(db, breaks, clock),
        repairs=Repairs(db, ledger, gateways, breaks),
        breaks=breaks,
        clock=clock,
        ids=ledger.ids,
    )


def build_worker(have: Resources, made: Services) -> Worker:
    """Runs the jobs of all services; its connection LISTENs, so it goes past a transaction pooler."""
    found = Worker(have.db, have.db.open_listen_connection, have.clock, have.rng)
    found.add_services(*made.job_services)
    return found
