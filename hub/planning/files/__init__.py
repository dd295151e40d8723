"""Files that travelers add to their plans, sanitized and stored."""

from hub.planning.files.attachments import MAX_UPLOAD_BYTES, Attachment, Attachments, FileStore
from hub.planning.files.sanitizer import FileSanitizer

__all__ = [
    "MAX_UPLOAD_BYTES",
    "Attachment",
    "Attachments",
    "FileSanitizer",
    "FileStore",
]
