"""Waiting for the text of audio, in the process that answers; a worker makes it."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from pydantic import TypeAdapter

from vocafuse_server.core.clock import Clock
from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import DictationId, TenantId, new_uuid
from vocafuse_server.core.notifications import Listener
from vocafuse_server.core.queue import JobQueue, Queue, Task, any_live_worker
from vocafuse_server.dictation import queries
from vocafuse_server.dictation.errors import (
    DictationFailed,
    NobodyTranscribes,
    TextTooLate,
    TooManyDictations,
    Unheard,
    UnusableAudio,
)
from vocafuse_server.dictation.models import Dictation
from vocafuse_server.notes.admission import Places
from vocafuse_server.storage.objects import Objects
from vocafuse_server.transcription.engine import TranscribeOptions, Transcription

# A worker's clock may be behind; what is left after the wait is swept, and no hurry.
_SWEPT_AFTER = timedelta(seconds=60)
# Of `UnusableAudio`: the worker could not tell why, so it isn't the audio.
NO_REASON = "TRANSCRIPTION_ERROR"
TRANSCRIPTION: TypeAdapter[Transcription] = TypeAdapter(Transcription)


@dataclass(eq=False, slots=True)
class Waiting:
    """Somebody who waits for a text."""

    has_gone: bool = False
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    def give_up(self) -> None:
        """Wait no longer."""
        self.has_gone = True
        self.bell.set()


class Dictations:
    """All who wait in this process, and the one connection that listens for them.

    Args:
        url: The database, as libpq reads it.
        wait_s: How long one waits.
        places: How many may wait at a time, at most half of them for one tenant.
    """

    def __init__(
        self,
        database: Database,
        queue: JobQueue,
        objects: Objects,
        url: str,
        clock: Clock,
        *,
        wait_s: float,
        places: int,
    ) -> None:
        self._database = database
        self._queue = queue
        self._objects = objects
        self._clock = clock
        self._wait_s = wait_s
        self._places = Places(places, TooManyDictations)
        self._waiting: dict[DictationId, Waiting] = {}
        self._listener = Listener(url, queries.CHANNEL, heard=self._heard, missed=self._wake_all)

    @contextmanager
    def place(self, tenant_id: TenantId) -> Generator[Waiting]:
        """A place for the block, which waits.

        Raises:
            TooManyDictations: There is none.
        """
        with self._places.taken(tenant_id):
            yield Waiting()

    async def transcribe(
        self, tenant_id: TenantId, audio_key: str, options: TranscribeOptions, waiting: Waiting
    ) -> Transcription:
        """The text of audio in the store. Once this returns or raises, nothing is left of either.

        Raises:
            UnusableAudio, DictationFailed: There is none.
            NobodyTranscribes, TextTooLate: There is none yet.
            Unheard: Whoever waited has gone.
        """
        self._listener.start()
        dictation_id = DictationId(new_uuid())
        self._waiting[dictation_id] = waiting
        try:
            await self._begin(dictation_id, tenant_id, audio_key, options)
            return _text_of(await self._end_of(dictation_id, waiting))
        finally:
            del self._waiting[dictation_id]
            # In this order: what finds the row finds the audio.
            await self._objects.delete(audio_key)
            async with self._database.transaction() as session:
                await queries.forget(session, dictation_id)

    async def close(self) -> None:
        await self._listener.close()

    async def _begin(
        self, dictation_id: DictationId, tenant_id: TenantId, audio_key: str, options: TranscribeOptions
    ) -> None:
        now = self._clock()
        async with self._database.transaction() as session:
            if not await any_live_worker(session):
                raise NobodyTranscribes
            session.add(
                Dictation(
                    id=dictation_id,
                    tenant_id=tenant_id,
                    audio_key=audio_key,
                    language=options.language,
                    with_words=options.words,
                    created_at=now,
                    expires_at=now + timedelta(seconds=self._wait_s) + _SWEPT_AFTER,
                )
            )
            await self._queue.enqueue(
                session,
                Task.TRANSCRIBE_DICTATION,
                queue=Queue.TRANSCRIPTION,
                share_of=tenant_id,
                apart=True,
                dictation_id=str(dictation_id),
            )

    async def _end_of(self, dictation_id: DictationId, waiting: Waiting) -> Dictation:
        deadline = asyncio.get_running_loop().time() + self._wait_s
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    await waiting.bell.wait()
            except TimeoutError as error:
                raise TextTooLate(self._wait_s) from error
            if waiting.has_gone:
                raise Unheard
            waiting.bell.clear()
            async with self._database.reading() as session:
                ended = await queries.find_ended(session, dictation_id)
            if ended is not None:
                return ended

    def _heard(self, payload: str) -> None:
        waiting = self._waiting.get(DictationId(UUID(payload)))
        if waiting is not None:
            waiting.bell.set()

    def _wake_all(self) -> None:
        for waiting in self._waiting.values():
            waiting.bell.set()


def _text_of(ended: Dictation) -> Transcription:
    if ended.transcription is not None:
        return TRANSCRIPTION.validate_python(ended.transcription)
    if ended.failure_code == NO_REASON:
        raise DictationFailed
    raise UnusableAudio(ended.failure_message)
