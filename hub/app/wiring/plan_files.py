"""What is put beside plans, and the letter about them, put together."""

from adapters import Adapters
from hub.app.resources import Resources
from hub.core.clock import IdGenerator
from hub.outreach.messaging import PlanMessageContexts
from hub.oversight.audit import AuditLog
from hub.planning.files import Attachments, FileSanitizer, FileStore
from hub.settings import Settings


def build_plan_message_context(settings: Settings, wired: Adapters) -> PlanMessageContexts:
    """Offers of suppliers that are the sandbox's are made up."""
    made_up = not wired.sandboxed_providers.isdisjoint(wired.suppliers)
    return PlanMessageContexts(settings.own_url, settings.frontend_url, sandbox=made_up)


def build_attachments(have: Resources, files: FileStore, audit: AuditLog, ids: IdGenerator) -> Attachments:
    return Attachments(have.db, files, FileSanitizer(), audit, have.clock, ids)
