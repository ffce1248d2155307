"""A real Chromium whose microphone plays a clip."""

import shutil
import wave
from pathlib import Path
from typing import Any, Protocol

from playwright.sync_api import Browser, Page, Playwright, ViewportSize

REPOSITORY = Path(__file__).parents[3]
SCREENSHOTS = REPOSITORY / "docs" / "screenshots"
AXE = REPOSITORY / "node_modules" / "axe-core" / "axe.min.js"
DESKTOP = ViewportSize(width=1280, height=860)
PHONE = ViewportSize(width=390, height=844)
# Nothing goes to any other machine.
_QUIET = (
    *("--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP notes.test 127.0.0.1",  # a name that is no secure context
)
_SERIOUS = {"serious", "critical"}
PATIENCE_MS = 20_000
LEAD_IN_S = 0.8  # The clip begins when the microphone is opened, a moment before anything is recorded.
SPOKEN = "harvard-birch-canoe.wav"


class OpenPage(Protocol):
    """Opens a page in a context of its own, which knows nothing of other tests."""

    def __call__(
        self,
        url: str,
        *,
        clip: str = SPOKEN,
        allowed: bool = True,
        viewport: ViewportSize = DESKTOP,
        dark: bool = False,
    ) -> Page: ...


def microphone(clip: Path, folder: Path) -> list[str]:
    """What starts a browser with a microphone that plays a WAV file once, between silences."""
    heard = folder / clip.name
    with wave.open(str(clip)) as source, wave.open(str(heard), "wb") as target:
        target.setparams(source.getparams())
        silence = bytes(source.getsampwidth() * source.getnchannels())
        target.writeframes(silence * int(LEAD_IN_S * source.getframerate()))
        target.writeframes(source.readframes(source.getnframes()))
    return ["--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={heard}%noloop"]


def launch(playwright: Playwright, *flags: str) -> Browser:
    """Debian's Chromium. Whether a page may use the microphone is for its context to say."""
    path = shutil.which("chromium")
    assert path is not None, "these tests need chromium: make chromium"
    return playwright.chromium.launch(executable_path=path, args=[*_QUIET, *flags])


def serious_violations(page: Page) -> list[str]:
    """What axe-core finds wrong with a page for people who can't see, hear or point well."""
    page.evaluate(AXE.read_text())
    found: dict[str, Any] = page.evaluate("axe.run()")
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found["violations"]
        if rule["impact"] in _SERIOUS
        for node in rule["nodes"]
    ]
