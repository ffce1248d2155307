"""A person with a browser and the console."""

import base64
import json
import re
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import ConsoleMessage, Locator, Page, expect
from support.browser import PATIENCE_MS, PHONE, SPOKEN, OpenPage, serious_violations
from support.clips import AUDIO, english_clips, word_error_rate
from support.listener import listening
from support.running_server import Server

from vocafuse import AuthenticationError, Client

Screenshot = Callable[[Page, str], None]
FRENCH = "fr-mer-jaune.wav"
SHORT = "whats-the-weather-like.wav"
DATE = "whats-the-date-today.wav"
PAUSE_S = 2.0
ATTEMPTS = 4  # of a delivery, by the server's settings
# The words that are marked one after another, from the click on Play to the last.
_WORDS_AS_THEY_ARE_MARKED = """
() => new Promise((done) => {
  const seen = [];
  const look = () => {
    const word = document.querySelector(".word.is-now")?.textContent;
    if (word && word !== seen.at(-1)) seen.push(word);
    if (word === "planks.") done(seen);
    else requestAnimationFrame(look);
  };
  document.querySelector(".play").click();
  look();
})
"""
_FILL = """
INSERT INTO notes (id, tenant_id, status, title, original_filename, audio_key, upload_source,
  created_at, updated_at)
SELECT gen_random_uuid(), %(tenant)s, 'transcribed', 'Note ' || i, 'a', 'none', 'api', at, at
FROM generate_series(1, %(notes)s) AS i, LATERAL (SELECT now() + i * interval '1 ms' AS at) AS moments
"""
expect.set_options(timeout=PATIENCE_MS)


@dataclass(frozen=True)
class Tenant:
    """A tenant of its own, whose console is empty at first."""

    origin: str
    id: str
    api_key: str
    api_secret: str

    def client(self, api_key: str | None = None, api_secret: str | None = None) -> Client:
        return Client(
            api_key=api_key or self.api_key,
            api_secret=api_secret or self.api_secret,
            base_url=f"{self.origin}/v1",
        )


@pytest.fixture(scope="module")
def tenant(server: Server) -> Tenant:
    made = json.loads(
        server.run("tenants", "create", "--name", "Console", "--plan", "enterprise", "--json").stdout
    )
    return Tenant(server.origin, made["tenant_id"], made["api_key"], made["api_secret"])


@pytest.fixture(scope="module")
def note_id(tenant: Tenant, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A note of three sentences, which the tests of its page share."""
    clip = tmp_path_factory.mktemp("console") / "three-sentences.wav"
    one_after_another(clip, SPOKEN, "arctic_a0009.wav", SHORT)
    with tenant.client() as client:
        note = client.voicenotes.upload(clip)
        client.voicenotes.wait(note.id)
        return note.id


def one_after_another(path: Path, *clips: str) -> None:
    """Write clips into one file, with pauses in between."""
    with wave.open(str(path), "wb") as target:
        for number, clip in enumerate(clips):
            with wave.open(str(AUDIO / clip)) as source:
                if number == 0:
                    target.setparams(source.getparams())
                else:
                    target.writeframes(bytes(int(PAUSE_S * source.getframerate()) * source.getsampwidth()))
                target.writeframes(source.readframes(source.getnframes()))


@pytest.fixture
def console(tenant: Tenant, open_page: OpenPage) -> Iterator[Callable[..., Page]]:
    """Opens the console and signs in; fails the test if a page ran what its policy forbids."""
    forbidden: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            forbidden.append(message.text)

    def open_console(path: str = "", **options: Any) -> Page:
        page = open_page(tenant.origin, **options)
        page.on("console", heard)
        sign_in(page, tenant.api_key, tenant.api_secret)
        expect(page.get_by_role("searchbox")).to_be_visible()
        if path:
            page.goto(f"{tenant.origin}/#/{path}")
        return page

    yield open_console
    assert forbidden == []


def sign_in(page: Page, api_key: str, api_secret: str) -> None:
    page.get_by_label("API key").fill(api_key)
    page.get_by_label("API secret").fill(api_secret)
    page.get_by_role("button", name="Sign in").click()


def rows(page: Page) -> Locator:
    return page.locator(".row.is-transcribed")


def drop(page: Page, *clips: Path) -> None:
    files = [{"name": clip.name, "data": base64.b64encode(clip.read_bytes()).decode()} for clip in clips]
    dropped = page.evaluate_handle(
        """(files) => {
          const transfer = new DataTransfer();
          for (const { name, data } of files) {
            const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
            transfer.items.add(new File([bytes], name, { type: "audio/wav" }));
          }
          return transfer;
        }""",
        files,
    )
    page.locator("main").dispatch_event("drop", {"dataTransfer": dropped})


def test_a_wrong_key_pair_is_told_in_a_sentence(tenant: Tenant, open_page: OpenPage) -> None:
    page = open_page(tenant.origin)
    sign_in(page, tenant.api_key, "wrong")
    expect(page.get_by_role("alert")).to_have_text(
        "This key and secret don't open an account. Check both, and that the key wasn't revoked."
    )
    assert serious_violations(page) == []
    sign_in(page, tenant.api_key, tenant.api_secret)
    expect(page.get_by_role("heading", name="Say something")).to_be_visible()
    assert tenant.api_secret not in page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_the_link_of_the_start_signs_in_once(server: Server, open_page: OpenPage) -> None:
    [link] = re.findall(r"http://\S+#link=\S+", server.greeting)
    page = open_page(link)
    expect(page.get_by_role("searchbox")).to_be_visible()
    assert "link=" not in page.url
    page.reload()
    expect(page.get_by_role("searchbox")).to_be_visible()
    code = server.run("console").stdout.strip().rpartition("#link=")[2]
    page.evaluate("(code) => { sessionStorage.clear(); location.hash = `#link=${code}`; }", code)
    expect(page.get_by_role("searchbox")).to_be_visible()
    again = open_page(link)
    expect(again.get_by_role("alert")).to_have_text(
        "This link was used before, or is too old. Sign in with a key pair, or take a new link."
    )


def test_what_is_said_is_read(console: Callable[..., Page], screenshot: Screenshot) -> None:
    page = console()
    expect(page.get_by_role("heading", name="Say something")).to_be_visible()
    screenshot(page, "console-empty")
    page.keyboard.press("r")
    expect(page.get_by_role("timer")).to_have_text("0:05")
    page.get_by_role("button", name="Stop").click()
    expect(rows(page).locator(".row-title")).to_have_text("The birch canoe slid on the smooth planks")
    rows(page).get_by_role("link").click()
    expect(page.locator(".transcript")).to_be_visible()
    assert word_error_rate([english_clips()[SPOKEN]], [page.locator(".transcript p").inner_text()]) == 0


def test_files_are_dropped(console: Callable[..., Page]) -> None:
    page = console()
    drop(page, AUDIO / SHORT, AUDIO / DATE, AUDIO / FRENCH, AUDIO / "html-error.mp3")
    for said in ("weather", "date", "mer"):
        expect(rows(page).filter(has_text=re.compile(said, re.IGNORECASE))).to_have_count(1)
    refused = page.get_by_role("list", name="Uploads").get_by_role("listitem")
    expect(refused).to_have_count(1)
    expect(refused).to_contain_text("html-error.mp3The service can't read this recording.")
    page.get_by_role("button", name="Forget html-error.mp3").click()
    expect(refused).to_have_count(0)


def test_a_file_that_could_not_be_sent_waits_on_every_page(console: Callable[..., Page]) -> None:
    page = console()
    page.context.set_offline(True)
    drop(page, AUDIO / "arctic_a0009.wav")
    left = page.get_by_role("list", name="Uploads").get_by_role("listitem")
    expect(left).to_contain_text("The connection was lost. Check it and try again.")
    assert serious_violations(page) == []
    page.context.set_offline(False)
    page.get_by_role("link", name="Usage").click()
    expect(page.get_by_role("heading", name="Usage", exact=True)).to_be_visible()
    page.get_by_role("link", name="Notes", exact=True).click()
    page.get_by_role("button", name="Send again: arctic_a0009.wav").click()
    expect(rows(page).filter(has_text="sharply")).to_have_count(1)
    expect(left).to_have_count(0)


def test_a_search_shows_where_it_was_said(
    console: Callable[..., Page], note_id: str, screenshot: Screenshot
) -> None:
    page = console()
    page.keyboard.press("/")
    page.keyboard.type("plan")
    hit = page.locator(f"#note-{note_id}")
    expect(hit.locator("mark")).to_have_text("planks")
    page.keyboard.type("ks")
    expect(page).to_have_url(re.compile("q=planks$"))
    expect(hit.locator("mark")).to_have_text("planks")
    screenshot(page, "console-search")
    hit.get_by_role("link").click()
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_enabled()
    expect(page.locator(".word.is-now")).to_have_text("planks.")
    page.get_by_role("link", name="Notes", exact=True).last.click()
    expect(page.get_by_role("searchbox")).to_have_value("planks")


def test_the_list_follows_what_happens_elsewhere(
    server: Server, tenant: Tenant, console: Callable[..., Page], note_id: str
) -> None:
    page = console("notes")
    count = page.locator(".search-row").get_by_role("status")
    expect(page.locator(f"#note-{note_id}")).to_be_visible()
    before = int(count.inner_text().split()[0])
    with psycopg.connect(server.database_url, autocommit=True) as database, tenant.client() as client:
        database.execute(_FILL, {"tenant": tenant.id, "notes": 60})
        expect(count).to_have_text(f"{before + 60} notes")
        expect(page.locator(".row")).to_have_count(50)
        page.get_by_role("button", name="Older").click()
        expect(page.locator(".row")).to_have_count(before + 10)
        [newest] = client.voicenotes.list(limit=1)
        client.voicenotes(newest.id).delete()
        expect(count).to_have_text(f"{before + 59} notes")
        expect(page.locator(".row")).to_have_count(before + 9)
        database.execute("DELETE FROM notes WHERE tenant_id = %s AND audio_key = 'none'", [tenant.id])
        expect(count).to_have_text(re.compile(f"^{before} notes?$"))
        expect(page.locator(f"#note-{note_id}")).to_be_visible()


def test_a_note_is_edited_deleted_and_brought_back(
    tenant: Tenant, console: Callable[..., Page], note_id: str
) -> None:
    page = console(f"notes/{note_id}")
    title = page.get_by_role("textbox", name="Title")
    title.fill("Planks <b>& canoes</b>")
    title.press("Enter")
    page.get_by_label("Add a tag").fill("garden")
    page.get_by_label("Add a tag").press("Enter")
    with page.expect_download() as download:
        page.get_by_text("Download", exact=True).click()
        page.get_by_role("button", name="Subtitles (SRT)").click()
    assert "--> 00:00:0" in download.value.path().read_text()
    page.get_by_role("button", name="Delete").click()
    row = page.locator(f"#note-{note_id}")
    expect(page.get_by_role("searchbox")).to_be_visible()
    expect(row).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(row.locator(".row-title")).to_have_text("Planks <b>& canoes</b>")
    expect(row.locator(".tag")).to_have_text("garden")
    with tenant.client() as client:
        assert client.voicenotes.get(note_id)["title"] == "Planks <b>& canoes</b>"
    row.get_by_role("link").click()
    title.fill("Planks for the canoe")
    title.press("Enter")
    expect(page).to_have_title("Planks for the canoe · VocaFuse")


def test_the_words_move_with_the_voice(
    console: Callable[..., Page], note_id: str, screenshot: Screenshot
) -> None:
    page = console(f"notes/{note_id}")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_enabled()
    seen = page.evaluate(_WORDS_AS_THEY_ARE_MARKED)
    assert seen == ["The", "birch", "canoe", "slid", "on", "the", "smooth", "planks."]
    now = page.locator(".word.is-now")
    page.get_by_text("canoe", exact=True).click()
    expect(now).to_have_text("canoe")
    page.get_by_label("Transcript").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(now).to_have_text("slid")
    expect(page.locator(".paragraph")).to_have_count(3)
    page.get_by_role("button", name="Play from 0:05").click()
    expect(now).to_have_text(re.compile("^(sharply|faced|Gregson|table)"))
    screenshot(page, "console-note")


def test_a_note_is_transcribed_again(tenant: Tenant, console: Callable[..., Page]) -> None:
    with tenant.client() as client:
        note = client.voicenotes.upload(AUDIO / SHORT)
        client.voicenotes.wait(note.id)
    page = console(f"notes/{note.id}")
    expect(page.locator(".meta")).to_contain_text("English")
    page.get_by_text("Transcribe again").first.click()
    page.get_by_label("What is spoken").select_option("de")
    page.get_by_role("button", name="Transcribe again").click()
    expect(page.locator(".meta")).to_contain_text("German")
    page.get_by_role("textbox", name="Title").fill("The weather, for Berlin")
    page.get_by_role("textbox", name="Title").press("Enter")


def test_keys_are_made_and_revoked(tenant: Tenant, console: Callable[..., Page], open_page: OpenPage) -> None:
    page = console("keys")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name").fill("Phone")
    page.get_by_role("button", name="Make the key").click()
    made = [page.get_by_label(name, exact=True).input_value() for name in ("API key", "API secret")]
    page.get_by_role("button", name="I have kept it").click()
    other = open_page(tenant.origin)
    sign_in(other, *made)
    expect(other.get_by_role("searchbox")).to_be_visible()
    with tenant.client(*made) as client:
        assert client.voicenotes.list(limit=1)
        page.get_by_role("button", name="Revoke Phone").click()
        page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        expect(page.get_by_role("rowheader", name="Phone")).to_have_count(0)
        with pytest.raises(AuthenticationError):
            client.voicenotes.list(limit=1)
    other.get_by_role("searchbox").fill("anything")
    expect(other.get_by_role("alert")).to_have_text("Your session has ended. Sign in again.")
    page.get_by_role("button", name="Revoke First key").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.locator(".toast.is-error")).to_be_visible()
    expect(page.get_by_role("rowheader", name="First key")).to_be_visible()


def test_a_webhook_is_tested_and_its_delivery_sent_again(
    console: Callable[..., Page], screenshot: Screenshot
) -> None:
    with listening() as listener:
        page = console("webhooks")
        page.get_by_role("button", name="New webhook").click()
        page.get_by_label("Address").fill(listener.url)
        page.get_by_role("button", name="Make the webhook").click()
        expect(page.get_by_label("Secret", exact=True)).to_have_value(re.compile("^whsec_"))
        page.get_by_role("button", name="I have kept it").click()
        page.get_by_role("button", name="Send a test").click()
        assert listener.next().payload["event"] == "webhook.test"
        expect(page.get_by_role("row").filter(has_text="webhook.test")).to_contain_text("Delivered")
        page.get_by_role("button", name="Send again: webhook.test").click()
        assert listener.next().payload["event"] == "webhook.test"
        for answer in [500] * ATTEMPTS:
            listener.answers.put(answer)
        page.get_by_role("button", name="Send a test").click()
        for _ in range(ATTEMPTS):
            listener.next()
        page.get_by_role("button", name="Send all that failed again (1)").click()
        assert serious_violations(page) == []
        page.get_by_role("dialog").get_by_role("button", name="Send them again").click()
        assert listener.next().payload["event"] == "webhook.test"
        expect(page.locator(".badge.is-delivered")).to_have_count(2)
        expect(page.get_by_role("button", name="Send all that failed again")).to_be_hidden()
        page.set_viewport_size(PHONE)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert serious_violations(page) == []
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_role("heading", name="No webhooks yet")).to_be_visible()


def test_everything_can_be_reached_by_the_keyboard(console: Callable[..., Page], note_id: str) -> None:
    page = console()
    expect(page.locator(f"#note-{note_id}")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Title")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("searchbox")).to_be_visible()
    for key, heading in (("k", "API keys"), ("w", "Webhooks"), ("u", "Usage")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        expect(page.get_by_role("main")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_pages_can_be_read_by_everybody(
    console: Callable[..., Page], note_id: str, screenshot: Screenshot, dark: bool
) -> None:
    suffix = "-dark" if dark else ""
    page = console(dark=dark)
    expect(page.locator(f"#note-{note_id}")).to_be_visible()
    screenshot(page, f"console-notes{suffix}")
    for path, shown in (
        *((None, ".row"), (f"notes/{note_id}", ".word"), ("keys", "table"), ("usage", ".chart svg")),
        *(("webhooks", ".empty"), ("notes/none", ".empty")),
    ):
        if path:
            page.goto(f"{page.url.partition('#')[0]}#/{path}")
        expect(page.locator(shown).first).to_be_visible()
        assert serious_violations(page) == [], path
    page.set_viewport_size(PHONE)
    for path, shown in (
        *(("notes", ".row"), (f"notes/{note_id}", ".word")),
        *(("keys", "table"), ("usage", ".chart svg")),
    ):
        page.goto(f"{page.url.partition('#')[0]}#/{path}")
        expect(page.locator(shown).first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
        assert serious_violations(page) == [], path
    page.goto(f"{page.url.partition('#')[0]}#/notes")
    expect(page.locator(f"#note-{note_id}")).to_be_visible()
    screenshot(page, f"console-phone{suffix}")
