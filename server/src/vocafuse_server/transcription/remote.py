"""The engine for notes that are transcribed elsewhere: by OpenAI, or by any server with its
`POST {base_url}/audio/transcriptions` (https://platform.openai.com/docs/api-reference/audio).

A note is sent whole, as 16-bit mono WAV: 32 kB a second, so ten minutes stay below OpenAI's 25 MB. Whether
anybody speaks is decided here: a silent note costs no call, and nothing is invented for it.
"""

import asyncio
import io
import json
import math
import random
import time
import wave
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import cast

import httpx2
import numpy as np
from pydantic import SecretStr, ValidationError

from vocafuse_server import __version__
from vocafuse_server.core.clock import Clock, utc_now
from vocafuse_server.transcription.engine import (
    SAMPLE_RATE,
    Samples,
    StageTimes,
    TranscribeOptions,
    Transcription,
    TranscriptionError,
)
from vocafuse_server.transcription.in_flight import CallsInFlight
from vocafuse_server.transcription.languages import language_code
from vocafuse_server.transcription.remote_answers import Answer, to_transcription
from vocafuse_server.transcription.vad import Window, find_windows

MAX_TRIES = 3
MAX_RETRY_AFTER_S = 30.0
MAX_ANSWER_BYTES = 16 * 1024 * 1024
MAX_MESSAGE_LENGTH = 200
_FIRST_WAIT_S = 0.5
_MAX_ERROR_BYTES = 64 * 1024
_TEMPORARY_4XX = frozenset({408, 409, 429})


class RemoteEngine:
    """An `Engine` that asks a server.

    Args:
        base_url: Where the API begins, for instance "https://api.openai.com/v1".
        api_key: Sent as a bearer token; None sends none. Printable ASCII.
        model: What the server calls the model.
        timeout_s: How long one try may take, from the connection to the answer's last byte.
        sleep: Waits before another try.
        rng: Spreads the tries of calls that failed together.
        clock: What a `Retry-After` with a date is compared with.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: SecretStr | None,
        model: str,
        timeout_s: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._url = httpx2.URL(f"{base_url.rstrip('/')}/audio/transcriptions")
        # The beginning of every error's sentence.
        self._server = f"The transcription server {self._url.netloc.decode()}"
        self._api_key = api_key
        self._model = model
        self._timeout_s = timeout_s
        self._sleep = sleep
        self._rng = rng or random.SystemRandom()
        self._clock = clock
        headers = {"User-Agent": f"vocafuse-server/{__version__}"}
        if api_key is not None:
            headers["Authorization"] = f"Bearer {api_key.get_secret_value()}"
        self._client = httpx2.AsyncClient(
            headers=headers,
            timeout=None,  # `_try` has a limit for the whole.
            limits=httpx2.Limits(),  # As many connections as there are notes in flight.
            follow_redirects=False,
            trust_env=False,
        )
        self._calls = CallsInFlight()

    async def transcribe(self, audio: Samples, options: TranscribeOptions) -> Transcription:
        """See `Engine.transcribe`."""
        given = None if options.language is None else language_code(options.language)
        with self._calls.one():
            return await self._transcribe(audio, given, words=options.words)

    async def close(self) -> None:
        """See `Engine.close`."""
        await self._calls.ended()
        await self._client.aclose()

    async def _transcribe(self, audio: Samples, given: str | None, *, words: bool) -> Transcription:
        started = time.perf_counter()
        speech = await _find_speech(audio)
        times = StageTimes(vad_s=time.perf_counter() - started)
        answer = Answer(text="")
        if speech:
            started = time.perf_counter()
            wav = await asyncio.to_thread(encode_wav, audio)
            answer = self._parse(await self._ask(wav, given, words=words))
            times = replace(times, generate_s=time.perf_counter() - started)
        duration_s = len(audio) / SAMPLE_RATE
        return to_transcription(
            answer, speech, given=given, duration_s=duration_s, model=self._model, times=times
        )

    async def _ask(self, wav: bytes, language: str | None, *, words: bool) -> bytes:
        """The body of the server's answer, from the first try that succeeds."""
        fields: dict[str, str | list[str]] = {
            "model": self._model,
            "response_format": "verbose_json",
            "timestamp_granularities[]": ["word", "segment"] if words else ["segment"],
        }
        if language is not None:
            fields["language"] = language
        for failures in range(1, MAX_TRIES):
            try:
                return await self._try(wav, fields)
            except _TemporaryError as failure:
                await self._sleep(wait_before_retry(failures, failure.retry_after_s, rng=self._rng))
        return await self._try(wav, fields)

    async def _try(self, wav: bytes, fields: dict[str, str | list[str]]) -> bytes:
        files = {"file": ("note.wav", wav, "audio/wav")}
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._client.stream("POST", self._url, data=fields, files=files) as response,
            ):
                body = await _read(response, MAX_ANSWER_BYTES if response.is_success else _MAX_ERROR_BYTES)
        except TimeoutError as error:
            raise _TemporaryError(f"{self._server} did not answer within {self._timeout_s:g} s.") from error
        except httpx2.RequestError as error:
            reason = str(error) or type(error).__name__
            raise _TemporaryError(f"{self._server} gave no answer ({reason}).") from error
        if not response.is_success:
            raise self._refusal(response, body)
        if len(body) > MAX_ANSWER_BYTES:
            raise TranscriptionError(f"{self._server} answered with more than {MAX_ANSWER_BYTES} bytes.")
        return body

    def _refusal(self, response: httpx2.Response, body: bytes) -> TranscriptionError:
        status = response.status_code
        said = _error_message(body, hidden=self._api_key)
        message = f"{self._server} answered {status}{f': {said}' if said else ''}."
        if status in _TEMPORARY_4XX or status >= 500:
            wait_s = parse_retry_after(response.headers.get("Retry-After"), self._clock())
            return _TemporaryError(message, retry_after_s=wait_s)
        return TranscriptionError(message)

    def _parse(self, body: bytes) -> Answer:
        try:
            return Answer.model_validate_json(body)
        except ValidationError as error:
            kind = error.errors(include_url=False, include_context=False, include_input=False)[0]["type"]
            # Not chained: pydantic's own message quotes the text, which is private.
            raise TranscriptionError(f"{self._server} answered with no transcription ({kind}).") from None


class _TemporaryError(TranscriptionError):
    """The same call may succeed soon; `retry_after_s` is when, if the server says."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


def encode_wav(audio: Samples) -> bytes:
    """The samples as 16-bit mono WAV."""
    pcm = np.clip(np.rint(audio * np.float32(32768)), -32768, 32767).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(SAMPLE_RATE)
        writer.writeframes(pcm.tobytes())
    return file.getvalue()


def wait_before_retry(failures: int, retry_after_s: float | None, *, rng: random.Random) -> float:
    """Seconds to wait after `failures` failed tries: what the server says, else 0.5, 1, 2 ... with jitter."""
    if retry_after_s is not None:
        return min(retry_after_s, MAX_RETRY_AFTER_S)
    return float(_FIRST_WAIT_S * 2 ** (failures - 1) * rng.uniform(0.5, 1.0))


def parse_retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds to wait by a `Retry-After` header: a number or a date (RFC 9110, 10.2.3)."""
    if header is None:
        return None
    try:
        wait_s = float(header)
    except ValueError:
        try:
            moment = parsedate_to_datetime(header)
        except (ValueError, OverflowError):
            return None
        wait_s = (moment.replace(tzinfo=moment.tzinfo or timezone.utc) - now).total_seconds()
    return max(0.0, wait_s) if math.isfinite(wait_s) else None


async def _find_speech(audio: Samples) -> list[Window]:
    try:
        return await asyncio.to_thread(find_windows, audio)
    except RuntimeError as error:  # ONNX's
        raise TranscriptionError("The voice detector failed to run.") from error


async def _read(response: httpx2.Response, limit: int) -> bytes:
    """The body, or a little more than its first `limit` bytes."""
    received = bytearray()
    async for chunk in response.aiter_bytes():
        received += chunk
        if len(received) > limit:
            break
    return bytes(received)


def _error_message(body: bytes, *, hidden: SecretStr | None) -> str:
    """What an error's body says, on one line: OpenAI's {"error": {"message"}} and the other usual shapes."""
    try:
        found = cast("object", json.loads(body))
    except (ValueError, RecursionError):
        found = body.decode(errors="replace")
    for name in ("error", "detail", "message"):
        if isinstance(found, dict):
            found = cast("dict[str, object]", found).get(name, cast("object", found))
    said = found if isinstance(found, str) else json.dumps(found)
    if hidden:  # Some servers repeat the key that they don't know.
        said = said.replace(hidden.get_secret_value(), "***")
    printable = "".join(character if character.isprintable() else " " for character in said)
    return " ".join(printable.split())[:MAX_MESSAGE_LENGTH].rstrip(". ")
