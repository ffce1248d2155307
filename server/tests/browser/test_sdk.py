"""The SDK as a page's author uses it: in a real browser, against the real server."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Request, Route, expect
from support.browser import SPOKEN, OpenPage
from support.clips import AUDIO, english_clips, word_error_rate
from support.example_backend import ExampleBackend
from support.lossy_proxy import lossy_proxy
from support.running_server import Server
from support.token_endpoint import TokenEndpoint, token_endpoint

from vocafuse import AccessToken

Run = Callable[..., Any]

# What scripts may use: the SDK, one of the example's user, and a recorder whose clock can be waited for.
_PRELUDE = """
const { VocaFuseSDK } = await import("/vocafuse.js");
const sdkOf = (config) => new VocaFuseSDK({ tokenEndpoint: "/api/vocafuse-token", ...config });
const sdk = sdkOf();
const codeOf = (promise) => promise.then(() => "none", (error) => error.code);
const recorderOf = (options, of = sdk) => {
  const waiting = [];
  const onRecordProgress = (seconds) => waiting.forEach(([from, done]) => seconds >= from && done());
  const recorder = of.createRecorder({ onRecordProgress, ...options });
  recorder.reaches = (seconds) => new Promise((done) => waiting.push([seconds, done]));
  return recorder;
};
"""


@pytest.fixture
def page(example: ExampleBackend, open_page: OpenPage) -> Page:
    """A page of the example's origin on which nothing else runs."""
    return open_page(f"{example.url}page.css")


@pytest.fixture
def run(page: Page) -> Run:
    """Runs a script in the page."""

    def run_in_page(script: str, given: object = None) -> Any:
        return page.evaluate(f"async (given) => {{ {_PRELUDE} {script} }}", given)

    return run_in_page


@pytest.fixture
def endpoint() -> Iterator[TokenEndpoint]:
    with token_endpoint() as endpoint:
        yield endpoint


def token_for(server: Server, identity: str) -> dict[str, Any]:
    known = server.credentials
    return AccessToken(known["api_key"], known["api_secret"], identity, known["base_url"])()


def test_a_recording_goes_through_its_states(server: Server, run: Run) -> None:
    told = run(
        """
        await sdk.init();
        const states = [], levels = [], percents = [], completed = [];
        const recorder = recorderOf({
          customTags: { jobId: "job_1" }, language: "en",
          onStateChange: (state) => states.push(state), onLevel: (level) => levels.push(level),
          onUploadProgress: (percent) => percents.push(percent),
          onComplete: (result) => completed.push(result),
        });
        const before = recorder.state;
        await recorder.start();
        await recorder.reaches(2);
        recorder.pause();
        const paused = [recorder.isPaused, recorder.state, recorder.level];
        const halted = recorder.duration;
        await new Promise(requestAnimationFrame);
        const stoodStill = recorder.duration === halted;
        recorder.resume();
        await recorder.reaches(5);
        const result = await recorder.stop();
        const { text, words } = await sdk.wait(result.voicenote_id);
        return {
          before, states, paused, stoodStill, result, text, words, loudest: Math.max(...levels),
          percents, completed, info: sdk.getInfo(), kept: await sdk.listKept(),
        };
        """
    )
    assert (told["before"], told["states"]) == ("idle", ["recording", "stopped", "uploading", "uploaded"])
    assert told["paused"] == [True, "recording", 0]
    assert told["stoodStill"]
    assert told["loudest"] > 0.4
    assert told["percents"][-1] == 100
    assert told["completed"] == [told["result"]]
    assert told["kept"] == []
    assert told["words"][-1]["word"].strip(" .") == "planks"
    assert told["info"] == {
        "version": "0.1.0",
        "voicenoteSupported": True,
        "tokenEndpoint": "/api/vocafuse-token",
        "apiBaseUrl": f"{server.origin}/v1",
        "identity": "user_12345",
    }
    with server.client() as client:
        note = client.voicenotes.get(told["result"]["voicenote_id"])
    assert (note.user_id, note.upload_source, note.custom_tags) == (
        "user_12345",
        "recorder",
        {"jobId": "job_1"},
    )
    assert told["result"]["duration_seconds"] == pytest.approx(note.duration_seconds, abs=0.3)
    assert (note.audio_format, note.audio_codec) == ("webm", "opus")


def test_safaris_dialect_is_understood(page: Page, run: Run) -> None:
    page.evaluate("MediaRecorder.isTypeSupported = (type) => type === 'audio/mp4'")
    told = run(
        """
        const recorder = recorderOf();
        await recorder.start();
        await recorder.reaches(5);
        const { voicenote_id, audio_format } = await recorder.stop();
        return { audio_format, text: (await sdk.wait(voicenote_id)).text };
        """
    )
    assert told["audio_format"] == "mp4"
    assert word_error_rate([english_clips()[SPOKEN]], [told["text"]]) == 0


def test_a_recording_ends_by_itself_or_is_too_short_or_cancelled(run: Run) -> None:
    told = run(
        """
        const stopped = await new Promise((onComplete, onError) => {
          sdk.createRecorder({ maxDuration: 1, onComplete, onError }).start();
        });
        const tooShort = recorderOf({ minDuration: 5 });
        await tooShort.start();
        const short = [await codeOf(tooShort.stop()), tooShort.state];
        let cancels = 0;
        const cancelled = recorderOf({ onCancel: () => (cancels += 1) });
        await cancelled.start();
        await cancelled.reaches(1.2);
        const twice = await codeOf(cancelled.start());
        await cancelled.cancel();
        const starting = cancelled.start();
        const [early] = await Promise.all([codeOf(starting), cancelled.cancel()]);
        const idle = [cancelled.state, cancelled.duration, await codeOf(cancelled.stop())];
        const kept = await sdk.listKept();
        return { seconds: stopped.duration_seconds, short, twice, early, cancels, idle, kept };
        """
    )
    assert 1 <= told["seconds"] < 1.5
    assert told["short"] == ["recording_too_short", "error"]
    assert (told["twice"], told["early"], told["cancels"]) == ("wrong_state", "aborted", 2)
    assert told["idle"] == ["idle", 0, "wrong_state"]
    assert told["kept"] == []


def test_a_recording_can_be_looked_at_before_it_is_sent(run: Run) -> None:
    told = run(
        """
        const recorder = recorderOf({ autoUpload: false });
        await recorder.start();
        await recorder.reaches(1);
        const { keptId, audio } = await recorder.stop();
        const waiting = (await sdk.listKept()).map(({ id }) => id);
        const same = (await sdk.readKept(keptId)).size === audio.size;
        const discarded = recorderOf({ autoUpload: false });
        await discarded.start();
        await discarded.reaches(1);
        const other = await discarded.stop();
        await sdk.discardKept(other.keptId);
        const gone = await codeOf(sdk.retryKept(other.keptId));
        const { file_size } = await recorder.upload();
        return { waiting, keptId, same, gone, whole: file_size === audio.size, kept: await sdk.listKept() };
        """
    )
    assert told["waiting"] == [told["keptId"]]
    assert told["same"]
    assert told["whole"]
    assert (told["gone"], told["kept"]) == ("not_kept", [])


def test_lost_answers_make_one_note(server: Server, run: Run) -> None:
    with server.client() as client, lossy_proxy(server.origin) as proxy:
        before = client.voicenotes.list().total
        proxy.to_lose.update(POST=1, PUT=1, GET=1)
        told = run(
            """
            const behind = sdkOf({ apiBaseUrl: given.api });
            const audio = await (await fetch(given.audio)).blob();
            const { voicenote_id } = await behind.upload(audio, { fileName: "birch.wav" });
            return (await behind.wait(voicenote_id)).text;
            """,
            {"api": f"{proxy.url}/v1", "audio": _as_url(SPOKEN)},
        )
        assert proxy.lost == proxy.to_lose
        assert word_error_rate([english_clips()[SPOKEN]], [told]) == 0
        assert client.voicenotes.list().total == before + 1


def test_an_upload_url_that_has_expired(server: Server, run: Run) -> None:
    with server.client() as client:
        arrived = client.voicenotes.upload(AUDIO / SPOKEN, user_id="user_12345").id
        before = client.voicenotes.list().total
        told = run(
            """
            const recorder = recorderOf({ autoUpload: false });
            await recorder.start();
            await recorder.reaches(1);
            const { keptId } = await recorder.stop();
            const database = await new Promise((done) => {
              indexedDB.open("vocafuse").onsuccess = ({ target }) => done(target.result);
            });
            const [{ error, ...kept }] = await sdk.listKept();
            const withTicket = (ticket) => new Promise((done) => {
              const open = database.transaction("recordings", "readwrite");
              open.objectStore("recordings").put({ ...kept, ticket });
              open.oncomplete = done;
            });
            const presigned_url = `${given.origin}/v1/uploads/${given.arrived}?expires=1&signature=0`;
            await withTicket({ voicenote_id: given.arrived, presigned_url });
            const before = await sdk.retryKept(keptId);
            await recorder.start();
            await recorder.reaches(1);
            const again = await recorder.stop();
            Object.assign(kept, (({ error, ...one }) => one)((await sdk.listKept())[0]));
            await withTicket({ voicenote_id: "unknown", presigned_url });
            const anew = await sdk.retryKept(again.keptId);
            return { before: before.voicenote_id, anew: anew.voicenote_id, kept: await sdk.listKept() };
            """,
            {"origin": server.origin, "arrived": arrived},
        )
        assert told["before"] == arrived
        assert told["kept"] == []
        assert client.voicenotes.list().total == before + 1
        assert client.voicenotes.get(told["anew"]).status != "created"


def test_a_token_that_is_refused_is_renewed_once(server: Server, endpoint: TokenEndpoint, run: Run) -> None:
    good = token_for(server, "ann")
    bad = json.loads(json.dumps(good).replace(good["token"], good["token"][:-6] + "AAAAAA"))
    endpoint.answers.extend([bad, good, bad])
    script = """
        const own = sdkOf({ tokenEndpoint: given.endpoint });
        const audio = await (await fetch(given.audio)).blob();
        return codeOf(own.upload(audio, { fileName: "birch.wav" }));
        """
    given = {"endpoint": endpoint.url, "audio": _as_url(SPOKEN)}
    assert run(script, given) == "none"
    assert endpoint.asked == 2
    assert run(script, given) == "not_allowed"
    assert endpoint.asked == 4


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        *(({}, "token_endpoint_invalid"), ({"data": {"id_token": 5}}, "token_endpoint_invalid")),
        *((404, "token_endpoint_invalid"), (401, "not_allowed"), (503, "token_endpoint_down")),
    ],
)
def test_a_token_endpoint_that_gives_no_token(
    endpoint: TokenEndpoint, run: Run, answer: dict[str, Any] | int, code: str
) -> None:
    endpoint.answers.append(answer)
    script = "return codeOf(sdkOf({ tokenEndpoint: given }).init())"
    assert run(script, endpoint.url) == code
    assert endpoint.asked == (4 if code == "token_endpoint_down" else 1)


def test_what_is_kept_is_shown_to_its_own_user_only(
    server: Server, endpoint: TokenEndpoint, run: Run
) -> None:
    endpoint.answers.extend([token_for(server, "ann"), token_for(server, "ben")])
    told = run(
        """
        const [ann, ben] = [1, 2].map(() => sdkOf({ tokenEndpoint: given }));
        await ann.init();
        await ben.init();
        const recorder = recorderOf({ autoUpload: false }, ann);
        await recorder.start();
        await recorder.reaches(1);
        await recorder.stop();
        return [(await ann.listKept()).length, (await ben.listKept()).length];
        """,
        endpoint.url,
    )
    assert told == [1, 0]


def test_each_refusal_of_the_server_is_told(run: Run) -> None:
    told = run(
        """
        const text = new Blob(["this is no audio"], { type: "audio/webm" });
        const control = new AbortController();
        const waiting = codeOf(sdk.upload(text, { signal: control.signal }));
        control.abort();
        return [
          await codeOf(sdk.upload(text)),
          await codeOf(sdk.upload(new Blob([new Uint8Array(26 * 1024 * 1024)]))),
          await codeOf(sdk.wait("unknown")),
          await codeOf(sdk.upload(text, { customTags: { "not a key": "x" } })),
          await waiting,
        ];
        """
    )
    assert told == ["invalid_audio", "too_large", "refused", "refused", "aborted"]


def test_no_cookie_and_no_key_leave_the_page(server: Server, page: Page, run: Run) -> None:
    seen: list[Request] = []
    page.context.add_cookies([{"name": "session", "value": "s", "domain": "127.0.0.1", "path": "/"}])
    page.on("request", lambda request: seen.append(request))
    run(
        """
        const audio = await (await fetch(given)).blob();
        await sdk.wait((await sdk.upload(audio, { fileName: "birch.wav" })).voicenote_id);
        """,
        _as_url(SPOKEN),
    )
    sent = [request for request in seen if request.url.startswith(f"{server.origin}/v1")]
    assert {request.method for request in sent} == {"POST", "PUT", "GET"}
    for request in sent:
        headers = request.all_headers()
        assert "cookie" not in headers, request.url
        assert not [name for name in headers if name.startswith("x-vocafuse")], request.url
    # Who waits is told: one stream, and at most the looks before and as it begins.
    paths = [request.url.removeprefix(server.origin) for request in sent if request.method == "GET"]
    assert paths.count("/v1/events") == 1
    assert sum(bool(re.fullmatch("/v1/voicenotes/[^/]+", path)) for path in paths) <= 2


def test_a_part_of_the_sdk_that_does_not_come_at_once(page: Page, run: Run) -> None:
    failures = iter([True])

    def fail_once(route: Route) -> None:
        if next(failures, False):
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/sdk/vocafuse/waiting.js", fail_once)
    assert run("return codeOf(sdk.wait('unknown'))") == "refused"
    assert list(failures) == []


def test_a_page_without_https_is_told_so(example: ExampleBackend, open_page: OpenPage) -> None:
    page = open_page(example.url.replace("127.0.0.1", "notes.test"), allowed=False)
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.get_by_role("status")).to_have_text(
        "Recording works on secure pages only. Open this page with https."
    )


def _as_url(clip: str) -> str:
    """A clip as a URL that a page can fetch."""
    return f"data:audio/wav;base64,{base64.b64encode((AUDIO / clip).read_bytes()).decode()}"
