"""The worker of an app under test: its real tasks, decoder, engine and deliveries, in the test's process."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from procrastinate import App

from support.app import Api, SettableClock
from vocafuse_server.audio.decoder import DecoderPool
from vocafuse_server.audio.limits import DecoderLimits
from vocafuse_server.core.queue import JobQueue, any_live_worker, worker_app
from vocafuse_server.core.tracing import Tracer
from vocafuse_server.jobs.tasks import register_tasks
from vocafuse_server.notes.transcribing import TranscribingContext
from vocafuse_server.storage.fetching import UrlFetcher
from vocafuse_server.storage.outbound import GuardedClient
from vocafuse_server.transcription.engine import Engine
from vocafuse_server.worker import job_contexts


@asynccontextmanager
async def worker(
    api: Api, database_url: str, clock: SettableClock, engine: Engine, *, tracer: Tracer | None = None
) -> AsyncGenerator[App]:
    """The jobs as a worker process runs them; nothing runs until it is told to."""
    settings, context = api.context.settings, api.context
    decoder = DecoderPool(processes=1, limits=DecoderLimits(max_duration_s=settings.max_note_seconds))
    client = GuardedClient(context.guard, max_connections=4)
    fetcher = UrlFetcher(context.guard, max_bytes=settings.max_upload_bytes, max_connections=4)
    transcribing = TranscribingContext(context.database, JobQueue(), context.objects, decoder, engine, clock)
    app = worker_app(database_url, pool_size=2)
    register_tasks(
        app, job_contexts(settings, transcribing, fetcher=fetcher, client=client, box=context.box), tracer
    )
    async with app.open_async():
        yield app
    await client.close()
    await fetcher.close()
    await decoder.close()


@asynccontextmanager
async def at_work(app: App, api: Api) -> AsyncGenerator[None]:
    """While the block runs, jobs are run as they come."""
    working = asyncio.create_task(
        app.run_worker_async(install_signal_handlers=False, delete_jobs="successful")
    )
    while True:
        async with api.context.database.reading() as session:
            if await any_live_worker(session):
                break
    yield
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
