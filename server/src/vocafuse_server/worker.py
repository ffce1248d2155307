"""The worker process: takes jobs off the queue; where the model runs."""

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta

from vocafuse_server.audio.decoder import DecoderPool
from vocafuse_server.audio.limits import DecoderLimits, memory_for
from vocafuse_server.core.database import Database
from vocafuse_server.core.heap import give_back_unused, share_heaps
from vocafuse_server.core.keys import encryption_keys
from vocafuse_server.core.logging import get_logger
from vocafuse_server.core.metrics import Metrics
from vocafuse_server.core.queue import JobQueue, Queue
from vocafuse_server.core.secret_box import SecretBox
from vocafuse_server.core.settings import Settings
from vocafuse_server.core.tracing import open_tracer
from vocafuse_server.jobs.maintenance import MaintenanceContext
from vocafuse_server.jobs.running import Crew, run_queues
from vocafuse_server.jobs.tasks import JobContexts, register_tasks
from vocafuse_server.metrics_server import serving_metrics
from vocafuse_server.notes.direct_uploads import DirectUploadContext
from vocafuse_server.notes.fetching import FetchingContext
from vocafuse_server.notes.transcribing import TranscribingContext
from vocafuse_server.storage.disk import disks_of
from vocafuse_server.storage.fetching import UrlFetcher
from vocafuse_server.storage.objects import open_objects
from vocafuse_server.storage.outbound import AddressGuard, GuardedClient
from vocafuse_server.supervised import SupervisorLink
from vocafuse_server.transcription.adaptive import AdaptiveWhisper
from vocafuse_server.transcription.engine import (
    Engine,
    Samples,
    TranscribeOptions,
    Transcription,
    TranscriptionError,
)
from vocafuse_server.transcription.hardware import hardware_for
from vocafuse_server.transcription.remote import RemoteEngine
from vocafuse_server.transcription.weights import resolve_model
from vocafuse_server.webhooks.delivery import DeliveryContext
from vocafuse_server.webhooks.places import Places
from vocafuse_server.webhooks.sealing import seal_all_anew

log = get_logger(__name__)

# What decoding one upload may take; ten minutes of any codec take a second or two.
_DECODE_S = 15
_MAINTENANCE_IN_FLIGHT = 4
# Nobody waits for the statements of maintenance, and some of them have much to do.
_STATEMENT_S = 300.0
_FETCHES_IN_FLIGHT = 16


@dataclass(frozen=True, slots=True)
class Role:
    """What a worker is there for.

    Attributes:
        queues: The queues it takes jobs off. Without that of transcriptions no model is loaded.
        concurrency: Jobs of each queue at a time; None for what the settings say.
    """

    queues: frozenset[Queue] = frozenset(Queue)
    concurrency: int | None = None

    def places(self, settings: Settings) -> dict[Queue, int]:
        """The jobs of each queue that run at a time."""
        usual = {
            Queue.TRANSCRIPTION: settings.transcriptions_in_flight,
            # By itself, so that no transcription waits behind slow servers of other people.
            Queue.FETCHING: _FETCHES_IN_FLIGHT,
            Queue.WEBHOOKS: settings.webhooks_in_flight,
            # By itself, so that the sweep for lost jobs never waits behind slow receivers.
            Queue.MAINTENANCE: _MAINTENANCE_IN_FLIGHT,
        }
        return {queue: self.concurrency or n for queue, n in usual.items() if queue in self.queues}


class _NoEngine:
    """What a worker has for an engine that takes no transcriptions."""

    async def transcribe(self, audio: Samples, options: TranscribeOptions) -> Transcription:
        raise TranscriptionError("this worker takes no transcriptions")

    async def close(self) -> None:
        """There is nothing to release."""


async def run_worker(
    settings: Settings,
    database_url: str,
    *,
    link: SupervisorLink | None = None,
    role: Role | None = None,
    is_alone: bool = False,
) -> None:
    """Work until SIGTERM or SIGINT, then finish what is running or give it back.

    Args:
        role: What it is there for; None for everything.
        is_alone: Whether this is the database's only worker, so that all that came before it are dead.
    """
    share_heaps()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    role = role or Role()
    async with AsyncExitStack() as stack:
        contexts = await stack.enter_async_context(_contexts(settings, database_url, role))
        if (tracer := open_tracer(settings, "vocafuse-worker")) is not None:
            stack.push_async_callback(asyncio.to_thread, tracer.close)
        crew = Crew(
            database=contexts.transcribing.database,
            database_url=database_url,
            direct_url=settings.direct_url,
            places=role.places(settings),
            pool_size=settings.database_pool_size,
            stop_s=settings.stop_seconds,
            is_alone=is_alone,
            register=lambda app: register_tasks(app, contexts, tracer),
        )
        watching = asyncio.create_task(link.on_loss(stop.set)) if link else None
        await run_queues(crew, stop, on_ready=link.ready if link else lambda: None)
        if watching is not None:
            watching.cancel()


@asynccontextmanager
async def _contexts(settings: Settings, database_url: str, role: Role) -> AsyncGenerator[JobContexts]:
    """Everything the tasks need, opened in order and closed in the opposite one."""
    async with AsyncExitStack() as stack:
        metrics = Metrics()
        stack.enter_context(serving_metrics(settings, metrics))
        database = Database(
            database_url,
            pool_size=settings.database_pool_size,
            direct_url=settings.direct_url,
            statement_s=_STATEMENT_S,
        )
        stack.push_async_callback(database.close)
        decoder = DecoderPool(
            processes=settings.decoder_processes,
            limits=decoder_limits(settings),
        )
        stack.push_async_callback(decoder.close)
        engine: Engine = _NoEngine()
        if Queue.TRANSCRIPTION in role.queues:
            await decoder.start()
            engine = await open_engine(settings, metrics, stack)
        box = SecretBox(encryption_keys(settings))
        if sealed := await seal_all_anew(database, box):
            log.info("webhook secrets sealed", webhooks=sealed)
        guard = AddressGuard(settings.allow_private_networks)
        client = GuardedClient(guard, max_connections=settings.webhooks_in_flight)
        stack.push_async_callback(client.close)
        queue = JobQueue()
        fetcher = UrlFetcher(guard, max_bytes=settings.max_upload_bytes, max_connections=_FETCHES_IN_FLIGHT)
        stack.push_async_callback(fetcher.close)
        objects = open_objects(settings, metrics)
        transcribing = TranscribingContext(database, queue, objects, decoder, engine, metrics=metrics)
        yield job_contexts(settings, transcribing, fetcher=fetcher, client=client, box=box)


def job_contexts(
    settings: Settings,
    transcribing: TranscribingContext,
    *,
    fetcher: UrlFetcher,
    client: GuardedClient,
    box: SecretBox,
) -> JobContexts:
    """What the tasks work with, made of parts that are open."""
    database, queue, clock = transcribing.database, transcribing.queue, transcribing.clock
    kept_days = settings.retention_days
    return JobContexts(
        transcribing=transcribing,
        fetching=FetchingContext(
            transcribing, fetcher, max_bytes=settings.max_upload_bytes, disks=disks_of(settings)
        ),
        uploads=DirectUploadContext(
            database, queue, transcribing.objects, max_bytes=settings.max_upload_bytes, clock=clock
        ),
        delivery=DeliveryContext(
            database,
            queue,
            client,
            Places(settings.webhooks_in_flight),
            box,
            timeout_s=settings.webhook_timeout_seconds,
            retry_delays_s=settings.webhook_retry_seconds,
            clock=clock,
            metrics=transcribing.metrics,
            disable_after=timedelta(days=settings.webhook_disable_after_days),
        ),
        maintenance=MaintenanceContext(
            database,
            delivery_log_kept=timedelta(days=settings.webhook_log_days),
            clock=clock,
            deleted_notes_kept=None if kept_days is None else timedelta(days=kept_days),
            queue=queue,
            abandoned_after=_longest_upload(settings),
        ),
    )


def decoder_limits(settings: Settings) -> DecoderLimits:
    """What decoding one upload may cost."""
    return DecoderLimits(
        max_duration_s=settings.max_note_seconds,
        wall_s=_DECODE_S,
        cpu_s=_DECODE_S,
        memory_bytes=memory_for(settings.max_upload_bytes),
    )


def _longest_upload(settings: Settings) -> timedelta:
    """When an upload is abandoned: not while its URL is still good."""
    hours = timedelta(hours=settings.abandoned_upload_hours)
    return max(hours, timedelta(seconds=settings.upload_url_seconds))


async def open_engine(settings: Settings, metrics: Metrics, stack: AsyncExitStack) -> Engine:
    """The engine that the settings name, ready to work; `stack` closes it."""
    if settings.engine == "openai":
        remote = RemoteEngine(
            base_url=settings.openai_base_url,
            api_key=settings.openai_api_key,
            model=settings.openai_model,
            timeout_s=settings.openai_timeout_seconds,
        )
        stack.push_async_callback(remote.close)
        return remote
    model = await asyncio.to_thread(resolve_model, settings.model, data_dir=settings.data_dir)
    hardware = hardware_for(settings)
    local = await asyncio.to_thread(AdaptiveWhisper.load, model, hardware, on_batch=metrics.batch_begun)
    stack.push_async_callback(local.close)
    await local.warm()
    give_back_unused()
    log.info("model ready", model=model.name, **asdict(hardware))
    return local
