"""What people may ask about what is kept of them: a copy of it, its history, its end."""

from hub.people.privacy.activity import Act
from hub.people.privacy.export import Export
from hub.people.privacy.jobs import ForgetPerson, ForgetTraces
from hub.people.privacy.service import Privacy

__all__ = ["Act", "Export", "ForgetPerson", "ForgetTraces", "Privacy"]
