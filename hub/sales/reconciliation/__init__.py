"""Reconciliation: the hub's books beside what the providers have, every ten minutes and on command.

    events that never came ──> the inbox          intents, refunds, disputes ──> Ledger.settle ──> what remains: a break
    fees beyond the charge ──> the books          small differences ──> written off, once
    suppliers' orders, what stands still, the rules of the books ──> breaks

A break says what differs, on both sides, with a proposal. It is seen again or closed by later runs, or closed by a
person with a note. Each run is repeatable, and what it does to money it does by the same calls as everything else.
"""

from hub.sales.reconciliation.breaks import BreakRegister
from hub.sales.reconciliation.missed_events import MissedEvents
from hub.sales.reconciliation.model import REVIEWED_KINDS, Break, BreakKind, ReconciliationReport, RunNote
from hub.sales.reconciliation.payment_accounts import PaymentAccountCheck
from hub.sales.reconciliation.repairs import Repairs
from hub.sales.reconciliation.run import LastRun, Reconciliation
from hub.sales.reconciliation.stalled_records import StalledRecordCheck
from hub.sales.reconciliation.supplier_orders import SupplierOrderCheck

__all__ = [
    "REVIEWED_KINDS",
    "Break",
    "BreakKind",
    "BreakRegister",
    "LastRun",
    "MissedEvents",
    "PaymentAccountCheck",
    "Reconciliation",
    "ReconciliationReport",
    "Repairs",
    "RunNote",
    "StalledRecordCheck",
    "SupplierOrderCheck",
]
