from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import httpx2
import pytest

from vocafuse import APIConnectionError, Client, ConflictError, ServerError, ValidationError, VocaFuseError

if TYPE_CHECKING:
    from conftest import Server

MakeClient = Callable[..., Client]
NoteJson = Callable[..., dict[str, Any]]
AUDIO = bytes(range(256)) * 1024
SIGNATURE = "signature=must-not-be-logged"


@pytest.fixture
def audio_file(tmp_path: Path) -> Path:
    path = tmp_path / "note.wav"
    path.write_bytes(AUDIO)
    return path


@pytest.fixture
def real_client(make_client: MakeClient, server: Server) -> Client:
    return make_client([], base_url=f"{server.url}/v1", transport=httpx2.HTTPTransport(), debug=True)


def announce(server: Server) -> None:
    url = f"{server.url}/objects/rec_123?{SIGNATURE}"
    server.reply({"voicenote_id": "rec_123", "presigned_url": url}, status=201)


def test_upload(real_client: Client, server: Server, audio_file: Path, note_json: NoteJson) -> None:
    announce(server)
    server.reply()
    server.reply(note_json(status="processing"))
    progress: list[tuple[int, int]] = []
    note = real_client.voicenotes.upload(
        audio_file,
        custom_tags={"job": "7"},
        user_id="user",
        language="en",
        on_progress=lambda sent, total: progress.append((sent, total)),
    )
    assert note.status == "processing"
    post, put, get = server.received
    assert (post.method, post.path) == ("POST", "/v1/upload")
    assert json.loads(post.body) == {
        "file_name": "note.wav",
        "file_size": len(AUDIO),
        "custom_tags": {"job": "7"},
        "user_id": "user",
        "language": "en",
    }
    assert post.headers["user-agent"].startswith("vocafuse-python/")
    assert (put.method, put.path, put.body) == ("PUT", f"/objects/rec_123?{SIGNATURE}", AUDIO)
    assert put.headers["content-length"] == str(len(AUDIO))
    assert "transfer-encoding" not in put.headers
    assert not [name for name in put.headers if name.startswith(("x-vocafuse", "authorization"))]
    assert (get.method, get.path) == ("GET", "/v1/voicenotes/rec_123")
    assert progress[0] == (0, len(AUDIO))
    assert progress[-1] == (len(AUDIO), len(AUDIO))
    assert len(progress) > 3
    assert progress == sorted(progress)


def test_a_cut_connection_is_no_loss(
    real_client: Client,
    server: Server,
    audio_file: Path,
    note_json: NoteJson,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(1)
    caplog.set_level(1, logger="httpx2")
    server.reply(cut_after=0)
    announce(server)
    server.reply(cut_after=1000)
    server.reply()
    server.reply(note_json())
    assert real_client.recordings.upload(str(audio_file)).id == "rec_123"
    first, second, cut, whole, get = server.received
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert len(cut.body) == 1000
    assert whole.body == AUDIO
    assert get.path == "/v1/recordings/rec_123"
    # The HTTP library itself logs whole URLs; the line is there, but not the signature.
    assert "HTTP Request: PUT" in caplog.text
    assert SIGNATURE not in caplog.text


def test_other_users_of_the_http_library_keep_their_logs(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    Client("key", "secret").close()
    caplog.set_level(logging.INFO, logger="httpx2")
    server.reply()
    with httpx2.Client() as other:
        other.get(f"{server.url}/page?theirs=1")
    assert "theirs=1" in caplog.text


@pytest.fixture
def answer_put(note_json: NoteJson) -> Callable[..., Callable[[httpx2.Request], httpx2.Response]]:
    """Answers the three calls of an upload, the PUT in turn as told."""

    def make(*statuses: int) -> Callable[[httpx2.Request], httpx2.Response]:
        remaining = list(statuses)

        def answer(request: httpx2.Request) -> httpx2.Response:
            if request.method == "POST":
                url = f"https://storage.example/o?{SIGNATURE}"
                return httpx2.Response(201, json={"voicenote_id": "rec_123", "presigned_url": url})
            if request.method == "PUT":
                return httpx2.Response(remaining.pop(0))
            return httpx2.Response(200, json=note_json())

        return answer

    return make


def test_conflict_after_a_retry_means_the_bytes_arrived(
    make_client: MakeClient, answer_put: Callable[..., Any]
) -> None:
    assert make_client(answer_put(503, 409)).voicenotes.upload(io.BytesIO(b"x")).id == "rec_123"
    with pytest.raises(ConflictError):
        make_client(answer_put(409)).voicenotes.upload(io.BytesIO(b"x"))


def test_a_failed_transfer_does_not_show_the_signature(
    make_client: MakeClient, answer_put: Callable[..., Any]
) -> None:
    with pytest.raises(ServerError) as caught:
        make_client(answer_put(500, 500, 500, 500)).voicenotes.upload(io.BytesIO(b"x"))
    assert SIGNATURE not in str(caught.value)


@pytest.mark.parametrize(
    "wire",
    [{}, {"voicenote_id": "x"}, {"voicenote_id": "x", "presigned_url": "http://a:b/"}],
)
def test_an_answer_without_a_usable_url(make_client: MakeClient, wire: dict[str, str]) -> None:
    client = make_client([httpx2.Response(201, json=wire)])
    expected = APIConnectionError if "presigned_url" in wire else VocaFuseError
    with pytest.raises(expected):
        client.voicenotes.upload(io.BytesIO(b"x"))


class Pipe(io.RawIOBase):
    """A stream that cannot seek, as from another process."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._rest = content

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # the buffer protocol has no name in Python 3.10
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def named(name: object) -> IO[bytes]:
    file = io.BytesIO(b"..audio")
    file.seek(2)
    file.name = name
    return file


@pytest.mark.parametrize(
    ("file", "name"),
    [
        (named("folder/some.mp3"), "some.mp3"),
        (named(3), "audio"),
        (named("<stdin>"), "audio"),
        (Pipe(b"audio"), "audio"),
    ],
)
def test_files_are_read_from_where_they_stand(
    make_client: MakeClient, note_json: NoteJson, file: Any, name: str
) -> None:
    requests: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        if request.method == "POST":
            slot = {"voicenote_id": "rec_123", "presigned_url": "https://storage.example/o"}
            return httpx2.Response(201, json=slot)
        puts = [seen for seen in requests if seen.method == "PUT"]
        return httpx2.Response(500 if request.method == "PUT" and len(puts) == 1 else 200, json=note_json())

    make_client(answer).voicenotes.upload(file)
    assert json.loads(requests[0].content) == {"file_name": name, "file_size": 5}
    assert [request.content for request in requests if request.method == "PUT"] == [b"audio", b"audio"]
    assert not file.closed


@pytest.mark.parametrize("file", [io.BytesIO(), io.StringIO("text"), Pipe(b"")])
def test_what_cannot_be_uploaded_is_refused_before_any_call(make_client: MakeClient, file: Any) -> None:
    with pytest.raises(ValidationError, match=r"empty|binary"):
        make_client([]).voicenotes.upload(file)


def test_a_missing_file_is_a_plain_error(make_client: MakeClient, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        make_client([]).voicenotes.upload(tmp_path / "absent.wav")


def test_a_file_that_shrinks_meanwhile(
    make_client: MakeClient, answer_put: Callable[..., Any], audio_file: Path
) -> None:
    def shrink(sent: int, total: int) -> None:
        os.truncate(audio_file, 10)

    with pytest.raises(ValidationError, match="shorter"):
        make_client(answer_put(200)).voicenotes.upload(audio_file, on_progress=shrink)
