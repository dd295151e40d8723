"""Where files are kept: a directory, or a service that speaks the language of S3."""

from adapters.files.local import LocalFileStore
from adapters.files.s3 import S3FileStore

__all__ = ["LocalFileStore", "S3FileStore"]
