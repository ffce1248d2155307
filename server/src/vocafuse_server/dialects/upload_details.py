"""What all ways of bringing audio find out about it from its request."""

import re
from typing import Annotated, TypedDict

from fastapi import Depends, Request

from vocafuse_server.accounts.callers import Caller
from vocafuse_server.dialects.context import Context
from vocafuse_server.notes.models import UploadSource

SDK_USER_AGENT = "vocafuse-python/"
_EXTENSION = re.compile(r"[a-z0-9]{1,8}")


def extension_of(file_name: str, audio_format: str | None = None) -> str:
    """The extension that the stored object gets; what the audio really is, its bytes decide."""
    for candidate in (file_name.rpartition(".")[2] if "." in file_name else "", audio_format or ""):
        if _EXTENSION.fullmatch(candidate.lower()):
            return candidate.lower()
    return "audio"


def public_base(request: Request, context: Context) -> str:
    """Where clients reach this server, without a trailing slash."""
    return (context.settings.public_url or str(request.base_url)).rstrip("/")


async def _public_base(request: Request, context: Context) -> str:
    return public_base(request, context)


PublicBase = Annotated[str, Depends(_public_base)]


class Sender(TypedDict):
    """Those fields of a note that say what its request came from."""

    client_ip: str | None
    user_agent: str | None


def sender_of(request: Request) -> Sender:
    """What a request came from."""
    address = request.client.host if request.client else None
    return Sender(client_ip=address, user_agent=request.headers.get("user-agent"))


def upload_source(caller: Caller, request: Request) -> UploadSource:
    """Which kind of client uploads."""
    if caller.identity is not None:
        return UploadSource.RECORDER
    is_sdk = request.headers.get("user-agent", "").startswith(SDK_USER_AGENT)
    return UploadSource.SDK if is_sdk else UploadSource.API
