"""Opening what routes work with when the app starts, and closing it when it stops."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from vocafuse_server.accounts.issuers import ExternalIssuers
from vocafuse_server.accounts.key_usage import KeyUsage
from vocafuse_server.accounts.rate_limits import open_rate_limiter
from vocafuse_server.accounts.tokens import TokenSigner
from vocafuse_server.core.clock import Clock
from vocafuse_server.core.database import Database, libpq_url
from vocafuse_server.core.keys import encryption_keys, signing_keys
from vocafuse_server.core.metrics import Metrics
from vocafuse_server.core.queue import JobQueue
from vocafuse_server.core.secret_box import SecretBox
from vocafuse_server.core.settings import Settings
from vocafuse_server.dialects.context import AppContext
from vocafuse_server.dialects.figures import DatabaseReader
from vocafuse_server.dictation.waiting import Dictations
from vocafuse_server.notes.admission import Backlog, Places, TooManyUploads
from vocafuse_server.notes.feed import NoteFeed
from vocafuse_server.storage.disk import disks_of
from vocafuse_server.storage.objects import open_objects
from vocafuse_server.storage.outbound import AddressGuard
from vocafuse_server.storage.screening import UrlScreen
from vocafuse_server.storage.upload_urls import UploadUrlSigner


@asynccontextmanager
async def opened_context(
    settings: Settings, database_url: str, metrics: Metrics, clock: Clock
) -> AsyncGenerator[AppContext]:
    """What routes work with while the block runs; then all of it is closed, whatever fails to close.

    Raises:
        StartupError: A key file or the object store can't be used.
    """
    context = _context(settings, database_url, metrics, clock)
    async with AsyncExitStack() as stack:
        # What is closed first stands last.
        for close in (
            context.database.close,
            context.rate_limiter.close,
            context.issuers.close,
            context.dictations.close,
            context.figures.close,
            context.feed.shut,
        ):
            stack.push_async_callback(close)
        await stack.enter_async_context(context.key_usage.written_to(context.database))
        yield context


def _context(settings: Settings, database_url: str, metrics: Metrics, clock: Clock) -> AppContext:
    """The parts; none of them has opened a connection yet."""
    ring = signing_keys(settings, clock)
    listening_url = libpq_url(settings.direct_url or database_url)
    database = Database(database_url, pool_size=settings.database_pool_size, direct_url=settings.direct_url)
    objects, queue = open_objects(settings, metrics), JobQueue()
    dictations = Dictations(
        database,
        queue,
        objects,
        listening_url,
        clock,
        wait_s=settings.transcription_wait_seconds,
        places=settings.uploads_in_flight,
    )
    return AppContext(
        settings=settings,
        database=database,
        queue=queue,
        objects=objects,
        guard=AddressGuard(settings.allow_private_networks),
        screen=UrlScreen(settings.allow_private_networks),
        key_usage=KeyUsage(),
        rate_limiter=open_rate_limiter(settings, clock),
        token_signer=TokenSigner(ring),
        issuers=ExternalIssuers(settings.token_issuers),
        upload_url_signer=UploadUrlSigner(ring),
        box=SecretBox(encryption_keys(settings, clock)),
        clock=clock,
        metrics=metrics,
        figures=DatabaseReader(database),
        disks=disks_of(settings),
        upload_places=Places(settings.uploads_in_flight, TooManyUploads),
        backlog=Backlog(database, limit=settings.queued_notes),
        feed=NoteFeed(database, listening_url, readers_per_tenant=settings.event_streams_per_tenant),
        dictations=dictations,
    )
