"""OpenAI's own client transcribes with the running server, as it does with OpenAI."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import openai
import psycopg
import pytest
from openai import OpenAI
from support.clips import AUDIO
from support.running_server import Server
from support.waiting import wait_until

pytestmark = pytest.mark.xdist_group("e2e")
SPOKEN = AUDIO / "harvard-birch-canoe.wav"
WORDS = "the birch canoe slid on the smooth planks"
URL = "/v1/audio/transcriptions"


@pytest.fixture
def bearer(server: Server) -> str:
    known = server.credentials
    return f"{known['api_key']}:{known['api_secret']}"


@pytest.fixture
def ai(server: Server, bearer: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.credentials["base_url"], api_key=bearer, max_retries=0) as client:
        yield client


def words_of(text: str) -> str:
    return re.sub(r"[^a-z ]", "", text.lower().replace("\n", " ")).strip()


def test_every_format_holds_what_was_said(ai: OpenAI) -> None:
    create = ai.audio.transcriptions.create
    plain = create(model="whisper-1", file=SPOKEN)
    assert words_of(plain.text) == WORDS
    assert plain.usage is not None
    assert plain.usage.to_dict() == {"type": "duration", "seconds": 4}
    text = create(model="whisper-1", file=SPOKEN, response_format="text")
    assert text == f"{plain.text}\n"
    srt = create(model="whisper-1", file=SPOKEN, response_format="srt", language="en", prompt="Canoes.")
    assert re.match(r"1\n00:00:0\d,\d{3} --> 00:00:0\d,\d{3}\n", srt)
    assert WORDS in words_of(srt)
    vtt = create(model="whisper-1", file=SPOKEN, response_format="vtt", temperature=0.2)
    assert re.match(r"WEBVTT\n\n00:00:0\d\.\d{3} --> 00:00:0\d\.\d{3}\n", vtt)
    assert WORDS in words_of(vtt)


def test_the_verbose_format_has_the_times_that_were_asked_for(ai: OpenAI) -> None:
    create = ai.audio.transcriptions.create
    found = create(
        model="whisper-1",
        file=SPOKEN,
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert (found.language, words_of(found.text)) == ("english", WORDS)
    assert found.duration == pytest.approx(3.26, abs=0.05)
    assert found.words is not None
    assert [words_of(word.word) for word in found.words] == WORDS.split()
    assert all(0 <= word.start <= word.end <= found.duration for word in found.words)
    assert found.segments is not None
    [segment] = found.segments
    assert segment.text == f" {found.text}"
    assert (segment.id, segment.tokens, segment.temperature) == (0, [], 0.0)
    assert segment.seek == round(100 * segment.start)
    assert -1 < segment.avg_logprob < 0
    assert 0 <= segment.no_speech_prob < 0.5
    assert 0.5 < segment.compression_ratio < 1.5
    default = create(model="whisper-1", file=SPOKEN, response_format="verbose_json")
    assert default.segments
    assert default.words is None


def test_a_stream_brings_the_text_in_one_piece(ai: OpenAI) -> None:
    events = list(ai.audio.transcriptions.create(model="whisper-1", file=SPOKEN, stream=True))
    delta, done = events
    assert delta.type == "transcript.text.delta"
    assert done.type == "transcript.text.done"
    assert words_of(done.text) == WORDS
    assert delta.delta == done.text


def test_without_speech_the_text_is_empty(ai: OpenAI) -> None:
    file = AUDIO / "silence-10s.wav"
    assert ai.audio.transcriptions.create(model="whisper-1", file=file).text == ""
    found = ai.audio.transcriptions.create(model="whisper-1", file=file, response_format="verbose_json")
    assert (found.text, found.segments, found.language) == ("", [], "")
    assert ai.audio.transcriptions.create(model="whisper-1", file=file, response_format="srt") == ""


def test_errors_are_the_clients_own(ai: OpenAI, server: Server, tmp_path: Path) -> None:
    with pytest.raises(openai.BadRequestError) as unsupported:
        ai.audio.transcriptions.create(model="whisper-1", file=AUDIO / "html-error.mp3")
    assert unsupported.value.code == "unsupported_audio"
    assert unsupported.value.request_id is not None
    large = tmp_path / "large.wav"
    large.write_bytes(SPOKEN.read_bytes() + bytes(25 * 1024 * 1024))
    with pytest.raises(openai.APIStatusError) as too_large:
        ai.audio.transcriptions.create(model="whisper-1", file=large)
    assert (too_large.value.status_code, too_large.value.code) == (413, "payload_too_large")
    stranger = ai.with_options(api_key=f"{server.credentials['api_key']}:wrong")
    with pytest.raises(openai.AuthenticationError) as wrong:
        stranger.audio.transcriptions.create(model="whisper-1", file=SPOKEN)
    assert wrong.value.code == "invalid_api_key"


def test_the_models_are_the_one_that_runs_and_the_usual_name(ai: OpenAI) -> None:
    assert [model.id for model in ai.models.list()] == ["whisper-base", "whisper-1"]
    assert ai.models.retrieve("whisper-base").owned_by == "vocafuse"
    with pytest.raises(openai.NotFoundError) as unknown:
        ai.models.retrieve("gpt/4o")
    assert unknown.value.code == "model_not_found"


def test_a_form_written_by_hand_is_answered_and_nothing_is_kept(server: Server, bearer: str) -> None:
    fields = (("model", "gpt-4o-transcribe"), ("response_format", "json"), ("chunking_strategy", "auto"))
    parts = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in fields]
    parts.append('--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n')
    body = "\r\n".join(parts).encode() + SPOKEN.read_bytes() + b"\r\n--b--\r\n"
    with psycopg.connect(server.database_url, autocommit=True) as database:
        notes = database.execute("SELECT count(*) FROM notes").fetchone()
        answer = httpx2.post(
            f"{server.origin}{URL}",
            headers={"Authorization": f"Bearer {bearer}", "Content-Type": "multipart/form-data; boundary=b"},
            content=body,
            timeout=30,
        )
        assert answer.headers["Content-Type"] == "application/json"
        assert words_of(json.loads(answer.content)["text"]) == WORDS
        assert database.execute("SELECT count(*) FROM dictations").fetchone() == (0,)
        assert database.execute("SELECT count(*) FROM notes").fetchone() == notes
        left = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'transcribe_dictation'"
        wait_until(lambda: database.execute(left).fetchone() == (0,), within_s=10)
    assert [path for path in server.data_dir.glob("audio/incoming/*") if path.is_file()] == []


def test_the_documented_lines_work(server: Server, bearer: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = Path(__file__).parents[3] / "docs" / "integrations.md"
    [lines] = re.findall(r"```python\n(from openai .*?)```", page.read_text(), re.DOTALL)
    here = {"http://127.0.0.1:8000": server.origin, "sk_live_…:…": bearer, "note.wav": str(SPOKEN)}
    for written, meant in here.items():
        assert written in lines
        lines = lines.replace(written, meant)
    exec(lines, {})
    assert words_of(capsys.readouterr().out) == WORDS
