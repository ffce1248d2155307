"""A person with a browser, a microphone and the example page."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Playwright, expect
from support.browser import PATIENCE_MS, PHONE, SPOKEN, OpenPage, launch, serious_violations
from support.clips import english_clips, word_error_rate
from support.example_backend import ExampleBackend
from support.line import Line, line_to
from support.running_server import Server

Screenshot = Callable[[Page, str], None]
SHORT = "whats-the-weather-like.wav"
SLOW_BYTES_PER_S = 4_000

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def line(server: Server) -> Iterator[Line]:
    with line_to(server.origin) as line:
        yield line


@pytest.fixture(scope="module")
def behind_line(server: Server, line: Line) -> Iterator[ExampleBackend]:
    """The other backend, on a line that tests make slow and cut."""
    backend = ExampleBackend("flask", server, api=line.url)
    backend.start()
    yield backend
    backend.stop()


def record(page: Page, *, seconds: int) -> None:
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.get_by_role("timer")).to_have_text(f"0:{seconds:02}")


def stop(page: Page) -> None:
    page.get_by_role("button", name="Stop").click()


def stop_in_the_middle(page: Page, line: Line) -> None:
    """Stop recording, and return while it is being sent."""
    line.upload_bytes_per_s = SLOW_BYTES_PER_S
    stop(page)
    page.wait_for_function("document.querySelector('#progress').value > 0")


def assert_heard(page: Page, clip: str) -> None:
    text = page.locator(".note blockquote")
    expect(text).to_have_count(1)
    assert word_error_rate([english_clips()[clip]], [text.inner_text()]) == 0


def notes_made(server: Server) -> int:
    with server.client() as client:
        return client.voicenotes.list().total


def test_what_is_said_is_read(example: ExampleBackend, open_page: OpenPage, screenshot: Screenshot) -> None:
    page = open_page(example.url)
    record(page, seconds=1)
    screenshot(page, "recorder-recording")
    expect(page.get_by_role("timer")).to_have_text("0:05")
    stop(page)
    assert_heard(page, SPOKEN)
    expect(page.get_by_role("status")).to_have_text("Done. Press to record another.")
    expect(page.locator(".note p")).to_have_text(re.compile("english"))
    expect(page.locator("#kept")).to_be_hidden()
    assert serious_violations(page) == []
    screenshot(page, "recorder-text")


def test_the_page_in_the_dark_and_on_a_phone(
    example: ExampleBackend, open_page: OpenPage, screenshot: Screenshot
) -> None:
    page = open_page(example.url, viewport=PHONE, dark=True)
    expect(page.get_by_role("status")).to_have_text("Press to record.")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert serious_violations(page) == []
    screenshot(page, "recorder-phone")


def test_the_flask_backend_does_the_same(behind_line: ExampleBackend, open_page: OpenPage) -> None:
    page = open_page(behind_line.url, clip=SHORT)
    record(page, seconds=3)
    stop(page)
    assert_heard(page, SHORT)


def test_a_microphone_that_is_refused(example: ExampleBackend, open_page: OpenPage) -> None:
    page = open_page(example.url, allowed=False)
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.get_by_role("status")).to_have_text(
        "The microphone is blocked. Allow it for this page in the browser's settings and try again."
    )
    expect(page.get_by_role("button", name="Record", exact=True)).to_be_enabled()


def test_no_microphone(example: ExampleBackend, playwright: Playwright) -> None:
    with launch(playwright, "--disable-audio-input") as browser:
        page = browser.new_page(permissions=["microphone"])
        page.goto(example.url)
        page.get_by_role("button", name="Record", exact=True).click()
        expect(page.get_by_role("status")).to_have_text("No microphone was found. Connect one and try again.")


def test_a_line_that_breaks_in_the_middle_of_an_upload(
    server: Server, behind_line: ExampleBackend, line: Line, open_page: OpenPage, screenshot: Screenshot
) -> None:
    before = notes_made(server)
    page = open_page(behind_line.url, clip=SHORT)
    record(page, seconds=3)
    stop_in_the_middle(page, line)
    page.context.set_offline(True)
    line.cut()
    expect(page.get_by_role("status")).to_have_text("The connection was lost. Check it and try again.")
    expect(page.get_by_role("list")).to_contain_text("0:03The connection was lost.")
    screenshot(page, "recorder-kept")
    assert serious_violations(page) == []
    line.mend()
    line.upload_bytes_per_s = None
    page.context.set_offline(False)
    page.get_by_role("button", name="Send").click()
    assert_heard(page, SHORT)
    expect(page.get_by_role("list")).to_be_hidden()
    assert notes_made(server) == before + 1


def test_a_page_that_is_closed_while_it_uploads(
    server: Server, behind_line: ExampleBackend, line: Line, open_page: OpenPage
) -> None:
    before = notes_made(server)
    page = open_page(behind_line.url, clip=SHORT)
    record(page, seconds=3)
    stop_in_the_middle(page, line)
    again = page.context.new_page()
    again.goto(behind_line.url)
    expect(again.get_by_role("status")).to_have_text("Press to record.")
    expect(again.get_by_role("list")).to_be_hidden()  # the other page still has it
    page.close()
    line.upload_bytes_per_s = None
    again.reload()
    expect(again.get_by_role("list")).to_contain_text("The page was closed before this recording")
    again.get_by_role("button", name="Send").click()
    assert_heard(again, SHORT)
    assert notes_made(server) == before + 1


def test_a_page_that_dies_while_it_records(example: ExampleBackend, open_page: OpenPage) -> None:
    page = open_page(example.url, clip=SHORT)
    record(page, seconds=4)
    page.close()
    again = page.context.new_page()
    again.goto(example.url)
    expect(again.get_by_role("list")).to_contain_text("The page was closed before this recording")
    again.get_by_role("button", name="Send").click()
    assert_heard(again, SHORT)


def test_a_token_endpoint_that_is_down(behind_line: ExampleBackend, open_page: OpenPage) -> None:
    page = open_page(behind_line.url, clip=SHORT)
    with page.expect_response("**/api/vocafuse-token") as answer:
        page.reload()
    answer.value.finished()
    expect(page.get_by_role("status")).to_have_text("Press to record.")
    page.clock.install()
    page.clock.fast_forward("02:00:00")  # the page's token has expired
    behind_line.stop()
    record(page, seconds=3)
    stop(page)
    expect(page.get_by_role("status")).to_have_text(
        "Signing in for recording failed because our server can't be reached. Try again later."
    )
    behind_line.start()
    page.get_by_role("button", name="Send").click()
    assert_heard(page, SHORT)
