"""OpenAI's reference: what is sent to create a transcription, and what comes back."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from support.clips import AUDIO
from support.worker import at_work

from conformance.promises import promise
from conformance.service import ApiUser, Service

pytestmark = pytest.mark.xdist_group("openai")

PATH = "/v1/audio/transcriptions"
FILE, MODEL, LANGUAGE, FORMAT, STREAM, TIMES, OTHERS = (
    f"Create transcription: {name}"
    for name in (
        *("file", "model", "language", "response_format", "stream", "timestamp_granularities[]"),
        "further fields",
    )
)
EVENTS, JSON, VERBOSE = "Stream events", "The object of json", "The object of verbose_json"
VERBOSE_JSON = {"response_format": "verbose_json"}
EACH = "timestamp_granularities[]"
NO_OBJECT = "text/plain; charset=utf-8"
SPOKEN = "fine typography"
TIME = r"\d\d:\d\d:\d\d[{}]\d{{3}}"


@dataclass(frozen=True)
class Asked:
    """A request: a clip, the name that it is sent under, and what is asked of it."""

    clip: str
    name: str
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])


# Each in another of the formats that the reference names, all with the same sentence but for FLAC.
ASKED = {
    "json": Asked("chrome-mediarecorder.webm", "speech.webm"),
    "text": Asked("mp3-44k-stereo.mp3", "speech.mp3", {"response_format": "text"}),
    "srt": Asked("iphone-voice-memo.m4a", "speech.m4a", {"response_format": "srt"}),
    "vtt": Asked("safari-mediarecorder-fragmented.mp4", "speech.mp4", {"response_format": "vtt"}),
    "verbose_json": Asked("firefox.ogg", "speech.ogg", VERBOSE_JSON),
    "both": Asked("wav-16k.wav", "speech.wav", {**VERBOSE_JSON, EACH: ["word", "segment"]}),
    "words": Asked("mp3-44k-stereo.mp3", "speech.mpeg", {**VERBOSE_JSON, EACH: "word"}),
    "stream": Asked("367-130732-0001.flac", "speech.flac", {"stream": "true"}),
    "hints": Asked(
        "mp3-44k-stereo.mp3",
        "speech.mpga",
        {
            "model": "gpt-4o-transcribe",
            "language": "en",
            "prompt": "On typography:",
            "temperature": "0.8",
            EACH: "word",
            "include[]": "logprobs",
            "chunking_strategy": "auto",
            "keywords[]": [f"word {number}" for number in range(100)],
            "languages[]": ["en", "fr"],
        },
    ),
    "nameless": Asked("wav-16k.wav", "speech"),
}
FORMATS = {"flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "wav", "webm"}
Answers = Mapping[str, httpx2.Response]


async def transcribe(user: ApiUser, asked: Asked) -> httpx2.Response:
    files = {"file": (asked.name, (AUDIO / asked.clip).read_bytes())}
    return await user.call("POST", PATH, files=files, data={"model": "whisper-1", **asked.fields})


async def refused(user: ApiUser, **fields: Any) -> dict[str, Any]:
    """The error that a clip with these fields is answered with, at once: nobody transcribes."""
    answer = await transcribe(user, Asked("wav-16k.wav", "a.wav", fields))
    assert answer.status_code == 400, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


@pytest.fixture(scope="session")
async def answers(running: Service) -> Answers:
    """What the requests above are answered with; read by many tests."""
    user = (await running.new_user()).with_one_key()
    async with at_work(running.jobs, running.api):
        found = await asyncio.gather(*(transcribe(user, asked) for asked in ASKED.values()))
    for answer in found:
        assert answer.status_code == 200, answer.text
    return dict(zip(ASKED, found, strict=True))


@pytest.fixture
def client(user: ApiUser) -> ApiUser:
    """Somebody whose client has room for one key."""
    return user.with_one_key()


@promise("openai", FILE, "flac, mp3, mp4, mpeg, mpga, m4a, ogg, wav and webm are taken")
def test_file_formats(answers: Answers) -> None:
    assert {asked.name.rpartition(".")[2] for asked in ASKED.values() if "." in asked.name} == FORMATS
    texts = {name: answer.text.lower().replace("\n", " ") for name, answer in answers.items()}
    assert "lobster" in texts.pop("stream")
    assert [name for name, text in texts.items() if SPOKEN not in text] == []


@promise(
    "openai",
    FILE,
    "The file's name or its content type must say what it is",
    deviation="neither is looked at: its content says so",
)
def test_file_is_told_by_its_content(answers: Answers) -> None:
    assert SPOKEN in answers["nameless"].json()["text"].lower()


@promise("openai", FILE, "Files are up to 25 MB")
async def test_file_size(service: Service, client: ApiUser) -> None:
    too_large = service.api.context.settings.max_upload_bytes + 1
    assert too_large == 25 * 1024 * 1024 + 1
    content = (AUDIO / "wav-16k.wav").read_bytes().ljust(too_large, b"\0")
    answer = await client.call("POST", PATH, files={"file": ("a.wav", content)}, data={"model": "whisper-1"})
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "payload_too_large"


@promise("openai", FILE, "It is required")
async def test_file_is_required(client: ApiUser) -> None:
    answer = await client.call("POST", PATH, data={"model": "whisper-1"})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "file"


@promise("openai", MODEL, "It is required")
async def test_model_is_required(client: ApiUser) -> None:
    assert (await refused(client, model=""))["param"] == "model"


@promise(
    "openai",
    MODEL,
    "It says which model transcribes",
    deviation="any name will do, since the server has one model, and many tools have OpenAI's names built in",
)
def test_model_may_be_any(answers: Answers) -> None:
    assert answers["hints"].json()["text"] == answers["text"].text.strip()


@promise("openai", LANGUAGE, "A language that isn't one is refused; a code of ISO 639-1 is taken")
async def test_language(client: ApiUser, answers: Answers) -> None:
    error = await refused(client, language="klingon")
    assert (error["param"], error["code"]) == ("language", "invalid_field_value")
    assert SPOKEN in answers["hints"].json()["text"].lower()


@promise("openai", FORMAT, "`json`, which is the default: an object")
def test_format_json(answers: Answers) -> None:
    assert answers["json"].headers["Content-Type"] == "application/json"
    assert list(answers["json"].json()) == ["text", "usage"]


@promise("openai", FORMAT, "`text`: the text and nothing else")
def test_format_text(answers: Answers) -> None:
    assert answers["text"].headers["Content-Type"] == NO_OBJECT
    assert answers["text"].text == f"{answers['words'].json()['text']}\n"


@promise("openai", FORMAT, "`srt`: numbered subtitles")
def test_format_srt(answers: Answers) -> None:
    assert answers["srt"].headers["Content-Type"] == NO_OBJECT
    time = TIME.format(",")
    assert re.match(rf"1\n{time} --> {time}\n.*typography", answers["srt"].text, re.DOTALL)


@promise("openai", FORMAT, "`vtt`: WebVTT")
def test_format_vtt(answers: Answers) -> None:
    assert answers["vtt"].headers["Content-Type"] == NO_OBJECT
    time = TIME.format(".")
    assert re.match(rf"WEBVTT\n\n{time} --> {time}\n.*typography", answers["vtt"].text, re.DOTALL)


@promise("openai", FORMAT, "`verbose_json`: an object with times")
def test_format_verbose_json(answers: Answers) -> None:
    assert answers["verbose_json"].headers["Content-Type"] == "application/json"
    assert answers["verbose_json"].json()["segments"]


@promise(
    "openai",
    FORMAT,
    "`diarized_json`: who speaks",
    deviation="refused, since speakers are not told apart here; so is any other name",
)
async def test_format_of_speakers(client: ApiUser) -> None:
    for unknown in ("diarized_json", "JSON"):
        assert (await refused(client, response_format=unknown))["param"] == "response_format"


@promise("openai", TIMES, "`word`, `segment` or both; without it, `segment`; anything else is refused")
async def test_granularities(client: ApiUser, answers: Answers) -> None:
    shown = {
        name: [times for times in ("segments", "words") if times in answers[name].json()]
        for name in ("verbose_json", "words", "both")
    }
    assert shown == {"verbose_json": ["segments"], "words": ["words"], "both": ["segments", "words"]}
    assert (await refused(client, **VERBOSE_JSON, **{EACH: ["word", "line"]}))["param"] == f"{EACH}.1"


@promise("openai", TIMES, "They show in `verbose_json` alone")
def test_granularities_elsewhere(answers: Answers) -> None:
    assert list(answers["hints"].json()) == ["text", "usage"]


@promise(
    "openai",
    STREAM,
    "With `true` the text comes as server-sent events while it is made; `whisper-1` ignores it",
    deviation="whatever the model's name, the text comes as one event, and so when it is whole",
)
def test_stream_of_one_piece(answers: Answers) -> None:
    assert answers["stream"].headers["Content-Type"].startswith("text/event-stream")
    assert [event["type"] for event in events(answers)] == ["transcript.text.delta", "transcript.text.done"]


@promise(
    "openai",
    STREAM,
    "In what has no stream it is ignored",
    deviation="refused with any format but `json`: who waits for events would find none, and not know why",
)
async def test_stream_of_another_format(client: ApiUser) -> None:
    for form in ("text", "srt", "verbose_json", "vtt"):
        assert (await refused(client, stream="true", response_format=form))["param"] == "stream"


@promise(
    "openai",
    OTHERS,
    "`prompt` guides the model, `temperature` is from 0 to 1 and makes the text more random",
    deviation="taken, checked and not used: the engine chooses its temperatures by its own rules",
)
async def test_hints(client: ApiUser, answers: Answers) -> None:
    assert answers["hints"].json()["text"] == answers["text"].text.strip()
    for wrong in ("1.1", "-0.1", "nan", "warm"):
        assert (await refused(client, temperature=wrong))["param"] == "temperature"


@promise(
    "openai",
    OTHERS,
    "`chunking_strategy`, `include[]`, `keywords[]`, `languages[]`: for some models",
    deviation="taken and not used, as every field that isn't known",
)
def test_fields_of_other_models(answers: Answers) -> None:
    assert answers["hints"].json().keys() == answers["json"].json().keys()


@promise("openai", EVENTS, "`transcript.text.delta` has a `delta`, `transcript.text.done` the whole `text`")
def test_events(answers: Answers) -> None:
    delta, done = events(answers)
    assert delta == {"type": "transcript.text.delta", "delta": done["text"]}
    assert done == {"type": "transcript.text.done", "text": delta["delta"]}
    assert "lobster" in done["text"].lower()


@promise("openai", JSON, "`text`, and `usage` with the audio's seconds")
def test_object_of_json(answers: Answers) -> None:
    assert answers["json"].json()["usage"] == {"type": "duration", "seconds": 6}


@promise(
    "openai",
    VERBOSE,
    "`task`, `language` (its English name), `duration`, `text`, `segments`, `words`, `usage`",
)
def test_object_of_verbose_json(answers: Answers) -> None:
    body = answers["both"].json()
    assert list(body) == ["task", "language", "duration", "text", "segments", "words", "usage"]
    assert (body["task"], body["language"]) == ("transcribe", "english")
    assert body["duration"] == pytest.approx(5.684, abs=0.05)
    for word in body["words"]:
        assert list(word) == ["word", "start", "end"]
        assert 0 <= word["start"] <= word["end"] <= body["duration"]
    assert " ".join(word["word"] for word in body["words"]) == body["text"]


@promise(
    "openai",
    VERBOSE,
    "A segment's ten fields",
    deviation="`tokens` is empty, `seek` is where it begins, `temperature` is the one that was asked for",
)
def test_segments(answers: Answers) -> None:
    [segment] = answers["both"].json()["segments"]
    assert list(segment) == [
        *("id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob"),
        *("compression_ratio", "no_speech_prob"),
    ]
    assert (segment["id"], segment["tokens"], segment["temperature"]) == (0, [], 0)
    assert segment["seek"] == round(100 * segment["start"])
    assert -1 < segment["avg_logprob"] < 0
    assert 0 <= segment["no_speech_prob"] < 1
    assert segment["text"] == f" {answers['both'].json()['text']}"


def events(answers: Answers) -> list[dict[str, Any]]:
    """The events of the stream."""
    blocks = answers["stream"].text.split("\n\n")
    assert blocks.pop() == ""
    return [json.loads(block.removeprefix("data: ")) for block in blocks]
