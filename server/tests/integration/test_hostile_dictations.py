"""Hostile forms with real clips in them, over HTTP, to OpenAI's route: each answer is a published one."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import httpx2
import pytest
from support.app import Account, Api, SettableClock
from support.clips import AUDIO
from support.dictations import URL, assert_nothing_is_left, bearer
from support.hostile.files import honest_files
from support.hostile.mutations import mutations
from support.published import assert_is_published
from support.wire import served
from support.worker import at_work, worker

from vocafuse_server.core.settings import Settings
from vocafuse_server.transcription.adaptive import AdaptiveWhisper

CLIP = (AUDIO / "whats-the-weather-like.wav").read_bytes()
REJECTED = ("ffconcat.mp3", "hls-file.webm", "html-error.mp3", "one-byte.mp3", "text.webm")
DAMAGED = ("truncated.mp4", "wav-0-hz.wav", "mp4-dref-http.mp4")
MUTATIONS, SEED = 4, 20261126
END = b"--x--\r\n"


def part(name: bytes, value: bytes, *, more: bytes = b"") -> bytes:
    """A part of a form."""
    head = b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n' % (name, more)
    return head + value + b"\r\n"


def audio(content: bytes = CLIP, *, name: bytes = b"a.wav") -> bytes:
    return part(b"file", content, more=b'; filename="%s"' % name)


MODEL = part(b"model", b"whisper-1")
WHOLE = MODEL + audio()
# What is wrong with a form, its parts, and the field that the answer names.
REFUSED: Mapping[str, tuple[bytes, str | None]] = {
    "an empty file": (MODEL + audio(b""), None),
    **{name: (MODEL + audio((AUDIO / name).read_bytes()), None) for name in REJECTED},
    "no file": (MODEL, "file"),
    "a file that is text": (MODEL + part(b"file", CLIP[:1000]), "file"),
    "two files": (WHOLE + audio(), None),
    "two hundred thousand bytes of prompt": (WHOLE + part(b"prompt", b"a" * 200_000), None),
    "a thousand fields": (WHOLE + part(b"keywords[]", b"word") * 1000, None),
    "a part without a name": (WHOLE + b"--x\r\nContent-Disposition: form-data\r\n\r\nx\r\n", None),
    "no model": (audio(), "model"),
    "a model of 256 characters": (audio() + part(b"model", b"m" * 256), "model"),
    "a model with a NUL": (audio() + part(b"model", b"a\x00b"), "model"),
    "a language that isn't one": (WHOLE + part(b"language", b"klingon"), "language"),
    "a language that isn't UTF-8": (WHOLE + part(b"language", b"\xff\xfe"), "language"),
    "a language within markup": (WHOLE + part(b"language", b"<|en|>"), "language"),
    "a temperature in words": (WHOLE + part(b"temperature", b"warm"), "temperature"),
    "a temperature without end": (WHOLE + part(b"temperature", b"1e999"), "temperature"),
    "a temperature that is no number": (WHOLE + part(b"temperature", b"nan"), "temperature"),
    "a stream that may be": (WHOLE + part(b"stream", b"perhaps"), "stream"),
    "a format that isn't UTF-8": (WHOLE + part(b"response_format", b"json\xff"), "response_format"),
    "a format in capitals": (WHOLE + part(b"response_format", b"JSON"), "response_format"),
    "a file for a field": (audio() + part(b"model", b"whisper-1", more=b'; filename="m"'), None),
    "times of lines": (
        WHOLE + part(b"timestamp_granularities[]", b"line"),
        "timestamp_granularities[].0",
    ),
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Files up to a megabyte, and nobody waits long."""
    return settings.model_copy(update={"transcription_wait_seconds": 15.0})


@dataclass(frozen=True)
class Caller:
    """Somebody who writes forms by hand."""

    http: httpx2.AsyncClient

    async def send(self, body: bytes) -> httpx2.Response:
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        answer = await self.http.post(URL, content=body, headers=headers)
        assert_is_published(answer.status_code, answer.headers, answer.content, path=URL)
        return answer

    async def refused(self, body: bytes) -> dict[str, Any]:
        """The error of a 400."""
        answer = await self.send(body)
        assert answer.status_code == 400, answer.text
        error: dict[str, Any] = answer.json()["error"]
        return error


@asynccontextmanager
async def calling(api: Api, account: Account, settings: Settings) -> AsyncGenerator[Caller]:
    """The app under the real server, and a caller."""
    async with served(api.app, settings, started=True) as port:
        origin = f"http://127.0.0.1:{port}"
        async with httpx2.AsyncClient(base_url=origin, headers=bearer(account), timeout=20) as http:
            yield Caller(http)


async def test_what_is_wrong_with_a_form_is_told_before_anybody_transcribes(
    api: Api, account: Account, settings: Settings
) -> None:
    async with calling(api, account, settings) as caller:
        for wrong, (parts, param) in REFUSED.items():
            assert (await caller.refused(parts + END))["param"] == param, wrong
        for cut_off in (MODEL, MODEL[:-3], MODEL + b"--x\r\n", b"", b"\xff" * 100):
            await caller.refused(cut_off)
        too_large = CLIP.ljust(settings.max_upload_bytes + 1, b"\0")
        assert (await caller.send(MODEL + audio(too_large) + END)).status_code == 413
    await assert_nothing_is_left(api)


@pytest.mark.model
async def test_what_can_be_heard_is_written_and_damaged_audio_is_told(
    api: Api,
    account: Account,
    settings: Settings,
    database_url: str,
    clock: SettableClock,
    engine: AdaptiveWhisper,
) -> None:
    odd = b"".join(
        [
            *(part(b"model", b"\xffwhisper\xfe"), part(b"language", b"english"), part(b"language", b"en-GB")),
            *(part(b"prompt", b"\x00\xff" + b"a" * 15_000), audio(name=b"../../\xff.exe")),
            *(part(b"keywords[]", b"\xf0\x9f") for _ in range(150)),
        ]
    )
    async with (
        worker(api, database_url, clock, engine) as app,
        at_work(app, api),
        calling(api, account, settings) as caller,
    ):
        heard = await caller.send(odd + END)
        assert heard.status_code == 200, heard.text
        assert "weather" in heard.json()["text"].lower()
        assert (await caller.send(WHOLE + part(b"language", b"de") + END)).status_code == 200
        for name in DAMAGED:
            error = await caller.refused(MODEL + audio((AUDIO / name).read_bytes()) + END)
            assert error["code"] == "unsupported_audio", name
        for file in islice(mutations(honest_files(), seed=SEED), MUTATIONS):
            answer = await caller.send(MODEL + audio(file.data) + END)
            assert answer.status_code in {200, 400, 413}, file
    await assert_nothing_is_left(api)
