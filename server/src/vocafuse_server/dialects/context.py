"""What routes work with: built once when the app starts, carried by the app."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.accounts.issuers import ExternalIssuers
from vocafuse_server.accounts.key_usage import KeyUsage
from vocafuse_server.accounts.rate_limits import RateLimiter
from vocafuse_server.accounts.tokens import TokenSigner
from vocafuse_server.core.clock import Clock
from vocafuse_server.core.database import Database
from vocafuse_server.core.metrics import Metrics
from vocafuse_server.core.queue import JobQueue
from vocafuse_server.core.secret_box import SecretBox
from vocafuse_server.core.settings import Settings
from vocafuse_server.dialects.figures import DatabaseReader
from vocafuse_server.dictation.waiting import Dictations
from vocafuse_server.notes.admission import Backlog, Places
from vocafuse_server.notes.feed import NoteFeed
from vocafuse_server.storage.disk import Disks
from vocafuse_server.storage.objects import Objects
from vocafuse_server.storage.outbound import AddressGuard
from vocafuse_server.storage.screening import UrlScreen
from vocafuse_server.storage.upload_urls import UploadUrlSigner


@dataclass(frozen=True, slots=True)
class AppContext:
    """The parts that the API process is made of."""

    settings: Settings
    database: Database
    queue: JobQueue
    objects: Objects
    guard: AddressGuard
    screen: UrlScreen
    key_usage: KeyUsage
    rate_limiter: RateLimiter
    token_signer: TokenSigner
    issuers: ExternalIssuers
    upload_url_signer: UploadUrlSigner
    box: SecretBox
    clock: Clock
    metrics: Metrics
    disks: Disks
    upload_places: Places
    backlog: Backlog
    figures: DatabaseReader
    feed: NoteFeed
    dictations: Dictations


def app_context(request: Request) -> AppContext:
    """The context of the app that serves this request."""
    context: AppContext = request.app.state.context
    return context


# Dependencies are `async` even where they wait for nothing: FastAPI sends plain functions to a thread each,
# which costs a request more than all that they do.
async def _context(request: Request) -> AppContext:
    return app_context(request)


Context = Annotated[AppContext, Depends(_context)]


async def _transaction(context: Context) -> AsyncGenerator[AsyncSession]:
    async with context.database.transaction() as session:
        yield session


async def _reading(context: Context) -> AsyncGenerator[AsyncSession]:
    async with context.database.reading() as session:
        yield session


# One request, one transaction. With the scope `function` it is committed before the answer is sent:
# a client never holds an id that a crash could still take back.
Session = Annotated[AsyncSession, Depends(_transaction, scope="function")]
# For requests that read a row or two, which need not be of the same moment.
ReadingSession = Annotated[AsyncSession, Depends(_reading, scope="function")]
