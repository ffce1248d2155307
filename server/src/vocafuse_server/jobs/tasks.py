"""The tasks: what a job's name runs. Edges only; the work is in the features."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from procrastinate import App, BaseRetryStrategy, JobContext, RetryDecision
from procrastinate.exceptions import JobAborted
from procrastinate.jobs import Job
from procrastinate.types import JSONValue

from vocafuse_server.core.database import Database
from vocafuse_server.core.hold_queries import audio_is_held
from vocafuse_server.core.ids import DeliveryId, DictationId, NoteId, WebhookId
from vocafuse_server.core.logging import get_logger
from vocafuse_server.core.metrics import TranscriptionOutcome
from vocafuse_server.core.queue import JobQueue, Queue, Task, sharer
from vocafuse_server.core.tracing import Tracer
from vocafuse_server.dictation.transcribing import fail_dictation, sweep_dictations, transcribe_dictation
from vocafuse_server.jobs.maintenance import MaintenanceContext, resume_lost_deliveries, run_deletion
from vocafuse_server.notes import count_queries, deleting, sweeping
from vocafuse_server.notes.direct_uploads import DirectUploadContext, find_upload, moment
from vocafuse_server.notes.fetching import FetchingContext, fetch_note
from vocafuse_server.notes.models import FIRST_RUN
from vocafuse_server.notes.sweeping import SweepContext
from vocafuse_server.notes.transcribing import TranscribingContext, fail_note, transcribe_note
from vocafuse_server.storage.objects import Objects
from vocafuse_server.webhooks.delivery import DeliveryContext, deliver
from vocafuse_server.webhooks.replay import Replay, run_replay

log = get_logger(__name__)

_Run = Callable[..., Awaitable[None]]
# A note is given up after this many tries, 1, 2, 4 ... s apart, two minutes in all: long enough for a
# restart of the store, the database or a remote engine, short enough for a person who waits.
MAX_TRANSCRIPTION_ATTEMPTS = 8
# A note whose job was begun this often and never came to an end is what ends the worker.
MAX_TRANSCRIPTION_STARTS = 12
# Somebody waits: what two more tries, 1 and 2 s later, don't mend is told them.
MAX_DICTATION_ATTEMPTS = 3
# A URL is given up after this many tries; each may take half a minute.
MAX_FETCH_ATTEMPTS = 4
_MAX_ATTEMPTS = 20
# Tasks that have to know how often they were begun.
_COUNTED = frozenset({Task.TRANSCRIBE_NOTE, Task.TRANSCRIBE_DICTATION, Task.FETCH_NOTE})
# What of a job's arguments its lines of the log say.
_ABOUT = ("note_id", "tenant_id", "delivery_id", "dictation_id")
_MAX_WAIT_S = 300
_HELD_AUDIO_WAIT = timedelta(minutes=1)
GAVE_UP_MESSAGE = "The note could not be transcribed because of an error on our side."


@dataclass(frozen=True, slots=True)
class JobContexts:
    """What the tasks of one worker process work with."""

    transcribing: TranscribingContext
    fetching: FetchingContext
    uploads: DirectUploadContext
    delivery: DeliveryContext
    maintenance: MaintenanceContext


class _Backoff(BaseRetryStrategy):
    """A job that raised runs again after 1, 2, 4 ... s; one that a shutdown cut short runs at once."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, JobAborted | asyncio.CancelledError):
            return RetryDecision(retry_in={"seconds": 0})
        if job.attempts + 1 >= _MAX_ATTEMPTS:
            return None
        return RetryDecision(retry_in={"seconds": min(2**job.attempts, _MAX_WAIT_S)})


def register_tasks(app: App, contexts: JobContexts, tracer: Tracer | None = None) -> None:
    """Give every task name the function that runs it.

    Args:
        tracer: Where jobs are traced, if anywhere.
    """
    retry = _Backoff()
    for task, run in {**_note_tasks(contexts), **_webhook_tasks(contexts)}.items():
        watched = _watched(task, run, tracer)
        app.task(name=task.value, retry=retry, pass_context=task in _COUNTED)(watched)
    _register_periodic_tasks(app, contexts)


def _note_tasks(contexts: JobContexts) -> dict[Task, _Run]:
    work = contexts.transcribing

    # `tenant_id` says whose turn a job takes; the work itself finds it in the note.
    async def transcribe(
        job: JobContext, note_id: str, run: int = FIRST_RUN, tenant_id: str | None = None
    ) -> None:
        await run_transcription(work, NoteId(UUID(note_id)), run=run, attempt=job.job.attempts + 1)

    async def dictated(job: JobContext, dictation_id: str, tenant_id: str | None = None) -> None:
        await run_dictation(work, DictationId(UUID(dictation_id)), attempt=job.job.attempts + 1)

    async def fetch(job: JobContext, note_id: str, run: int, tenant_id: str | None = None) -> None:
        await run_fetch(contexts.fetching, NoteId(UUID(note_id)), run=run, attempt=job.job.attempts + 1)

    async def look_for_upload(note_id: str, since: float, until: float) -> None:
        await find_upload(contexts.uploads, NoteId(UUID(note_id)), since=moment(since), until=moment(until))

    async def delete_audio(key: str) -> None:
        await delete_unless_held(work.database, work.queue, work.objects, key, now=work.clock())

    async def purge_note(note_id: str, deleted_at: str) -> None:
        async with work.database.transaction() as session:
            await deleting.purge_note(
                session,
                work.queue,
                NoteId(UUID(note_id)),
                deleted_at=datetime.fromisoformat(deleted_at),
                now=work.clock(),
            )

    return {
        Task.TRANSCRIBE_NOTE: transcribe,
        Task.TRANSCRIBE_DICTATION: dictated,
        Task.FETCH_NOTE: fetch,
        Task.FIND_UPLOAD: look_for_upload,
        Task.DELETE_AUDIO: delete_audio,
        Task.PURGE_NOTE: purge_note,
    }


def _webhook_tasks(contexts: JobContexts) -> dict[Task, _Run]:
    context = contexts.delivery

    async def deliver_webhook(delivery_id: str, attempt: int) -> None:
        await deliver(context, DeliveryId(UUID(delivery_id)), attempt=attempt)

    async def replay_deliveries(webhook_id: str, since: str, until: str) -> None:
        replay = Replay(
            WebhookId(UUID(webhook_id)), datetime.fromisoformat(since), datetime.fromisoformat(until)
        )
        await run_replay(context.database, context.queue, replay, clock=context.clock)

    return {Task.DELIVER_WEBHOOK: deliver_webhook, Task.REPLAY_DELIVERIES: replay_deliveries}


def _watched(task: Task, run: _Run, tracer: Tracer | None) -> _Run:
    """The function, with what a job is about on every line of the log, and a span if jobs are traced."""

    async def watched(*context: JobContext, traceparent: str | None = None, **arguments: JSONValue) -> None:
        about = {name: sharer(str(arguments[name])) for name in _ABOUT if arguments.get(name) is not None}
        with structlog.contextvars.bound_contextvars(**about):
            if tracer is None:
                await run(*context, **arguments)
                return
            with tracer.span(task.value, "CONSUMER", parent=traceparent) as describe:
                describe(**about)
                await run(*context, **arguments)

    return watched


def _register_periodic_tasks(app: App, contexts: JobContexts) -> None:
    transcribing, maintenance = contexts.transcribing, contexts.maintenance
    sweep = SweepContext(
        transcribing.database,
        transcribing.queue,
        transcribing.objects,
        maintenance.abandoned_after,
        transcribing.clock,
    )

    async def resume_lost_work(timestamp: int) -> None:
        await sweeping.resume_lost_runs(sweep)
        await resume_lost_deliveries(maintenance)
        await sweep_dictations(transcribing.database, transcribing.queue, now=transcribing.clock())

    async def sweep_uploads(timestamp: int) -> None:
        await sweeping.sweep_uploads(sweep)

    async def sweep_store(timestamp: int) -> None:
        await sweeping.sweep_store(sweep)

    async def delete_expired(timestamp: int) -> None:
        await run_deletion(maintenance)

    async def fold_note_counts(timestamp: int) -> None:
        async with transcribing.database.transaction() as session:
            await count_queries.fold_note_counts(session)

    for task, cron, run in (
        (Task.RESUME_LOST_WORK, "* * * * *", resume_lost_work),
        (Task.FOLD_NOTE_COUNTS, "* * * * *", fold_note_counts),
        (Task.DELETE_EXPIRED, "17 * * * *", delete_expired),
        (Task.SWEEP_UPLOADS, "37 * * * *", sweep_uploads),
        # Not at night only: many servers of one person sleep then.
        (Task.SWEEP_STORE, "47 */6 * * *", sweep_store),
    ):
        name = task.value
        app.periodic(cron=cron)(app.task(name=name, queue=Queue.MAINTENANCE.value, queueing_lock=name)(run))


async def delete_unless_held(
    database: Database, queue: JobQueue, objects: Objects, key: str, *, now: datetime
) -> None:
    """Delete a note's audio; later, while a backup is made that may still have the note."""
    async with database.transaction() as session:
        is_held = await audio_is_held(session)
        if is_held:
            at = now + _HELD_AUDIO_WAIT
            await queue.enqueue(session, Task.DELETE_AUDIO, queue=Queue.MAINTENANCE, at=at, key=key)
    if not is_held:
        await objects.delete(key)


async def run_transcription(
    context: TranscribingContext, note_id: NoteId, *, attempt: int, run: int = FIRST_RUN
) -> None:
    if attempt > MAX_TRANSCRIPTION_STARTS:
        log.error("note given up, because its job keeps ending the worker", note_id=str(note_id))
        await _give_up(context, note_id, run)
        return
    try:
        await transcribe_note(context, note_id, run=run)
    except Exception:  # A job's edge: whatever it is, the note is tried again and then ends.
        log.exception("transcription attempt failed", note_id=str(note_id), attempt=attempt)
        if attempt < MAX_TRANSCRIPTION_ATTEMPTS:
            context.metrics.transcription_tried(TranscriptionOutcome.RETRIED)
            raise
        await _give_up(context, note_id, run)


async def run_dictation(context: TranscribingContext, dictation_id: DictationId, *, attempt: int) -> None:
    if attempt > MAX_DICTATION_ATTEMPTS:  # It keeps ending the worker.
        await fail_dictation(context, dictation_id)
        return
    try:
        await transcribe_dictation(context, dictation_id)
    except Exception:  # A job's edge: whatever it is, it is tried again and then ends.
        log.exception("dictation attempt failed", dictation_id=str(dictation_id), attempt=attempt)
        if attempt < MAX_DICTATION_ATTEMPTS:
            context.metrics.transcription_tried(TranscriptionOutcome.RETRIED)
            raise
        await fail_dictation(context, dictation_id)


async def run_fetch(context: FetchingContext, note_id: NoteId, *, attempt: int, run: int) -> None:
    is_last_try = attempt >= MAX_FETCH_ATTEMPTS
    try:
        await fetch_note(context, note_id, run=run, is_last_try=is_last_try)
    except Exception:  # A job's edge: whatever it is, the note is tried again and then ends.
        log.exception("fetching attempt failed", note_id=str(note_id), attempt=attempt)
        if not is_last_try:
            raise
        await _give_up(context.transcribing, note_id, run)


async def _give_up(context: TranscribingContext, note_id: NoteId, run: int) -> None:
    await fail_note(context, note_id, run=run, code="TRANSCRIPTION_ERROR", message=GAVE_UP_MESSAGE)
