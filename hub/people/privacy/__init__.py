"""What people may ask about what is kept of them: a copy of it, its history, its end."""

from hub.people.privacy.activity import ActivityEntry
from hub.people.privacy.export import DataExport
from hub.people.privacy.jobs import EraseTraces, ForgetCustomer
from hub.people.privacy.service import PrivacyService

__all__ = ["ActivityEntry", "DataExport", "EraseTraces", "ForgetCustomer", "PrivacyService"]
