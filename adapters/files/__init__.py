"""Where files are kept: a directory, or a service that speaks the language of S3."""

from adapters.files.local import LocalFiles
from adapters.files.s3 import S3Files

__all__ = ["LocalFiles", "S3Files"]
