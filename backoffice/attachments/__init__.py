"""The files on tickets: where their bytes lie, under what name and type they are given out."""

from backoffice.attachments.filename import clean_filename, content_disposition
from backoffice.attachments.filetype import HEAD_SIZE, is_image, safe_type
from backoffice.attachments.store import FileStore, StoredFile
from backoffice.attachments.sweep import remove_unreferenced, sweep

__all__ = [
    "HEAD_SIZE",
    "FileStore",
    "StoredFile",
    "clean_filename",
    "content_disposition",
    "is_image",
    "remove_unreferenced",
    "safe_type",
    "sweep",
]
