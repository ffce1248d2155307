"""Where the audio of a new note is: what `audioUrl` may name."""

import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import unquote, urlsplit

from vocafuse_server.core.errors import InvalidField
from vocafuse_server.core.ids import NoteId, parse_id
from vocafuse_server.dialects.context import AppContext
from vocafuse_server.notes.errors import NoteNotFound
from vocafuse_server.notes.filters import Owner
from vocafuse_server.notes.intake import ArrivedAudio, copied_audio
from vocafuse_server.notes.models import Note
from vocafuse_server.notes.reading import get_note
from vocafuse_server.storage.urls import ForbiddenAddress

_FIELD = "audioUrl"
_UPLOAD_PATH = re.compile(r"/v1/(?:voicenotes|recordings)/([^/]+)/audio")
_NO_UPLOAD = "must be the audio_url of an upload of yours whose bytes have arrived, or lead elsewhere"
_MAX_NAME_LENGTH = 255


async def find_upload(context: AppContext, owner: Owner, url: str, *, base_url: str) -> Note | None:
    """The note whose audio a URL of this server names; None for a URL that is to be fetched.

    Raises:
        InvalidField: It names audio that the owner can't use, or it can't be fetched.
    """
    try:
        path = urlsplit(url).path
    except ValueError as error:
        raise InvalidField(_FIELD, "is not a valid URL") from error
    named = _UPLOAD_PATH.fullmatch(path)
    if named is not None:
        found = await _find_note(context, owner, named[1])
        if found is not None and found.file_size_bytes is not None:
            return found
        # One server has many names; what is its own by any of them is never fetched from itself.
        if found is not None or url.startswith(f"{base_url}/"):
            raise InvalidField(_FIELD, _NO_UPLOAD)
    try:
        await context.screen.check(url)
    except ForbiddenAddress as error:
        raise InvalidField(_FIELD, str(error)) from error
    return None


@asynccontextmanager
async def audio_of(context: AppContext, upload: Note | None) -> AsyncGenerator[ArrivedAudio | None]:
    """A copy of an upload's audio for the block to make it another note's; None if there is no upload.

    Raises:
        InvalidField: It has been deleted meanwhile.
    """
    async with AsyncExitStack() as stack:
        audio = None
        if upload is not None:
            try:
                audio = await stack.enter_async_context(copied_audio(context.objects, upload))
            except FileNotFoundError as error:
                raise InvalidField(_FIELD, _NO_UPLOAD) from error
        yield audio


def file_name_in(url: str) -> str:
    """What a file fetched from a URL is called."""
    name = unquote(urlsplit(url).path.rpartition("/")[2])
    return name[-_MAX_NAME_LENGTH:] if name.isprintable() and name else "audio"


async def _find_note(context: AppContext, owner: Owner, note_id: str) -> Note | None:
    async with context.database.reading() as session:
        try:
            return await get_note(session, owner, parse_id(NoteId, note_id))
        except NoteNotFound:
            return None
