"""Files on tickets: taking them in, and giving them out."""

from collections.abc import AsyncIterator

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from backoffice.admin.request import current_user
from backoffice.attachments import (
    HEAD_SIZE,
    FileStore,
    clean_filename,
    content_disposition,
    is_image,
    safe_type,
)
from backoffice.errors import BadInput, NotFound
from backoffice.settings import Settings
from models import Attachment

CHUNK = 256 * 1024


async def store(request: Request, settings: Settings, attachment: Attachment, upload: object) -> None:
    """Keep the bytes of `upload`, and write down on `attachment` what is known of them."""
    if not isinstance(upload, UploadFile) or not upload.filename:
        sentence = "Choose a file first."
        raise BadInput(sentence, fields={"file": sentence})
    head = await upload.read(HEAD_SIZE)
    await upload.seek(0)
    stored = await FileStore(settings.attachments_dir).save(_chunks(upload), limit=settings.max_upload_bytes)
    attachment.filename = clean_filename(upload.filename)
    attachment.content_type = safe_type(upload.filename, upload.content_type, head)
    attachment.size_bytes, attachment.sha256 = stored.size_bytes, stored.sha256
    attachment.uploaded_by_id = current_user(request).id


def give_out(settings: Settings, attachment: Attachment, *, inline: bool) -> Response:
    """The bytes, under a name and a type of our own choosing; shown in place only if an image."""
    inline = inline and is_image(attachment.content_type)
    return FileResponse(
        FileStore(settings.attachments_dir).path(attachment.sha256),
        media_type=attachment.content_type if inline else "application/octet-stream",
        headers={
            "Content-Disposition": content_disposition(attachment.filename, inline=inline),
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, max-age=3600",
        },
    )


def is_stored(settings: Settings, sha256: str) -> bool:
    """Whether the bytes are there still."""
    try:
        FileStore(settings.attachments_dir).path(sha256)
    except NotFound:
        return False
    return True


async def _chunks(upload: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await upload.read(CHUNK):
        yield chunk
