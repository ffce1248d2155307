"""The contract on which audio is understood, and on custom tags."""

import io
import json
from typing import Any, cast

import av
import pytest
from support.clips import AUDIO
from support.listener import Listener

from conformance.promises import promise
from conformance.service import SPOKEN, ApiUser, Service

NOTES = "/v1/voicenotes"
CLIP = (AUDIO / SPOKEN).read_bytes()


def as_aac(wav: bytes) -> bytes:
    """The same recording as a bare AAC stream."""
    out, av_open = io.BytesIO(), cast("Any", av.open)  # its types are known in part only
    with av_open(io.BytesIO(wav)) as source, av_open(out, "w", format="adts") as target:
        stream = target.add_stream("aac", rate=16000)
        for frame in source.decode(audio=0):
            frame.pts = None
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return out.getvalue()


@promise("contract", "Uploading: Formats", "webm, ogg, mp4/m4a, mp3, wav and flac are understood")
@pytest.mark.parametrize(
    ("clip", "audio_format"),
    [
        ("chrome-mediarecorder.webm", "webm"),
        ("firefox.ogg", "ogg"),
        ("safari-mediarecorder-fragmented.mp4", "mp4"),
        ("iphone-voice-memo.m4a", "mp4"),
        ("mp3-44k-stereo.mp3", "mp3"),
        ("wav-8k-mulaw.wav", "wav"),
        ("367-130732-0001.flac", "flac"),
    ],
)
async def test_formats_are_understood(service: Service, user: ApiUser, clip: str, audio_format: str) -> None:
    note = await service.transcribed(user, clip=clip)
    assert (note["status"], note["audio_format"]) == ("transcribed", audio_format)
    assert (await user.get(f"{note['uri']}/transcription"))["text"]


@promise("contract", "Uploading: Formats", "aac is understood")
async def test_formats_aac(service: Service, user: ApiUser) -> None:
    announced = await user.announce(file_name="note.aac")
    assert await user.put(announced, as_aac((AUDIO / "wav-16k.wav").read_bytes())) == 200
    await service.work()
    note = await user.announced_note(announced)
    assert (note["status"], note["audio_format"]) == ("transcribed", "aac")
    assert note["duration_seconds"] == pytest.approx(5.68, abs=0.2)


@promise("contract", "Uploading: Formats", "The content decides, not the name nor the declared type")
async def test_formats_by_content(user: ApiUser) -> None:
    files = {"file": ("note.mp3", CLIP, "video/mp4")}
    answer = await user.call("POST", NOTES, files=files)
    assert (answer.status_code, answer.json()["audio_format"]) == (201, "wav")
    announced = await user.announce(file_name="note.webm", audio_format="ogg")
    assert await user.put(announced, CLIP) == 200
    assert (await user.announced_note(announced))["audio_format"] == "wav"


@promise("contract", "Uploading: Formats", "What is no audio is 400 with code 2005 at once")
@pytest.mark.parametrize(
    "clip", ["text.webm", "html-error.mp3", "one-byte.mp3", "ffconcat.mp3", "hls-file.webm"]
)
async def test_formats_no_audio(user: ApiUser, clip: str) -> None:
    content = (AUDIO / clip).read_bytes()
    error = await user.refused("POST", NOTES, 400, files={"file": (clip, content)})
    assert (error["code"], error["name"]) == (2005, "UNSUPPORTED_AUDIO")
    assert await user.put(await user.announce(), content) == 400


@promise("contract", "Uploading: Formats", "What turns out later to be no audio fails with UNSUPPORTED_AUDIO")
@pytest.mark.parametrize("clip", ["truncated.mp4", "wav-0-hz.wav"])
async def test_formats_without_a_sample(service: Service, user: ApiUser, clip: str) -> None:
    note = await service.transcribed(user, clip=clip)
    assert (note["status"], note["failure"]["code"]) == ("failed", "UNSUPPORTED_AUDIO")


@promise(
    "contract", "Uploading: Formats", "Lengths are what decoding yields, not what a header or the client says"
)
async def test_formats_lengths_are_measured(service: Service, user: ApiUser) -> None:
    announced = await user.announce(duration_seconds=3600)
    data = bytearray(CLIP)
    at = data.index(b"data") + 4
    data[at : at + 4] = (2**31).to_bytes(4, "little")
    assert await user.put(announced, bytes(data)) == 200
    await service.work()
    note = await user.announced_note(announced)
    assert (note["status"], note["duration_seconds"]) == ("transcribed", pytest.approx(2.03, abs=0.05))


async def assert_tags(user: ApiUser, tags: dict[str, Any], refused: str | None = None) -> None:
    """Both ways of uploading take the tags, or name what is wrong with them."""
    in_json = {"file_name": "a.wav", "custom_tags": tags}
    in_form: dict[str, Any] = {"files": {"file": ("a.wav", CLIP)}, "data": {"custom_tags": json.dumps(tags)}}
    if refused is None:
        announced = await user.post("/v1/upload", in_json)
        assert (await user.announced_note(announced))["custom_tags"] == tags
        assert (await user.call("POST", NOTES, **in_form)).json()["custom_tags"] == tags
        return
    for error in (
        await user.refused("POST", "/v1/upload", 400, json=in_json),
        await user.refused("POST", NOTES, 400, **in_form),
    ):
        assert error["code"] == 2003
        assert refused in f"{error['details']['field']} {error['details'].get('value', '')}"


@promise("contract", "Uploading: custom_tags", "A breach is 400 with code 2003 and names the key")
@pytest.mark.parametrize(
    ("tags", "named"),
    [
        ({"job id": "1"}, "job id"),
        ({"jobId": 1}, "custom_tags.jobId"),
        ({"jobId": "a\nb"}, "custom_tags.jobId"),
    ],
)
async def test_custom_tags_breach_is_named(user: ApiUser, tags: dict[str, Any], named: str) -> None:
    await assert_tags(user, tags, refused=named)


@promise("contract", "Uploading: custom_tags", "A value's 128 characters are code points")
async def test_custom_tags_count_code_points(user: ApiUser) -> None:
    await assert_tags(user, {"face": "😀" * 128})
    await assert_tags(user, {"face": "😀" * 129}, refused="custom_tags.face")


@promise("contract", "Uploading: custom_tags", "The 1024 bytes are those of compact JSON in UTF-8")
async def test_custom_tags_count_bytes(user: ApiUser) -> None:
    tags = {f"k{number}": "ü" * 120 for number in range(4)}  # 4 * (7 + 240) + 1 + 4 = 993 bytes
    size = len(json.dumps(tags, ensure_ascii=False, separators=(",", ":")).encode())
    room = 1024 - size - len(',"more":""')
    await assert_tags(user, {**tags, "more": "x" * room})
    await assert_tags(user, {**tags, "more": "x" * (room + 1)}, refused="custom_tags")


@promise("contract", "Uploading: custom_tags", "They come back on the note and in every webhook payload")
async def test_custom_tags_come_back(service: Service, user: ApiUser, listener: Listener) -> None:
    events = [f"voicenote.{verb}" for verb in ("created", "transcribed", "deleted", "failed")]
    await user.post("/v1/webhooks", {"url": listener.url, "events": events})
    tags = {"jobId": "job_123"}
    note = await service.transcribed(user, custom_tags=json.dumps(tags))
    await user.upload("wav-0-hz.wav", custom_tags=json.dumps(tags))
    await user.call("DELETE", note["uri"])
    await service.work()
    told = [listener.next().payload for _ in range(5)]
    assert {one["event"] for one in told} == set(events)
    assert [one["voicenote"]["custom_tags"] for one in told] == [tags] * 5
