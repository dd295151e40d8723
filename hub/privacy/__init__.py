"""What people may ask about what is kept of them: a copy of it, its history, its end."""

from hub.privacy.activity import Act
from hub.privacy.desk import Privacy
from hub.privacy.export import Export
from hub.privacy.work import ForgetPerson, ForgetTraces

__all__ = ["Act", "Export", "ForgetPerson", "ForgetTraces", "Privacy"]
