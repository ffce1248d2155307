"""A real Firefox with a microphone that hums, driven by WebDriver BiDi, which it speaks by itself."""

import json
import re
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
_PATIENCE_S = 60
_SETTINGS = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    # Nothing goes to any other machine.
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.server": "",
}


class FirefoxPage:
    """The one tab of a Firefox."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = count(1)
        self._call("session.new", capabilities={})
        [tab] = self._call("browsingContext.getTree")["contexts"]
        self._tab: str = tab["context"]

    def open(self, url: str) -> None:
        """Go there, and wait until it is loaded."""
        self._call("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def run(self, script: str) -> Any:
        """What the body of an asynchronous function returns."""
        told = self._call(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await (async () => {{ {script} }})()))()",
            target={"context": self._tab},
            awaitPromise=True,
            userActivation=True,
        )
        assert told["type"] == "success", told
        return json.loads(told["result"]["value"])

    def _call(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            told = json.loads(self._connection.recv(timeout=_PATIENCE_S))
            if told.get("id") == number:
                assert told["type"] == "success", told
                return told["result"]


@contextmanager
def firefox(folder: Path) -> Generator[FirefoxPage]:
    """A Firefox with a profile of its own, while the block runs."""
    assert FIREFOX is not None
    profile = folder / "firefox"
    profile.mkdir()
    prefs = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in _SETTINGS.items())
    (profile / "user.js").write_text("".join(prefs))
    command = [
        FIREFOX,
        "--headless",
        "--no-remote",
        "--profile",
        str(profile),
        "--remote-debugging-port",
        "0",
    ]
    environment = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "MOZ_CRASHREPORTER_DISABLE": "1"}
    with (
        (folder / "firefox.log").open("w") as log,
        subprocess.Popen(
            [*command, "about:blank"], stdout=log, stderr=subprocess.PIPE, text=True, env=environment
        ) as process,
    ):
        assert process.stderr is not None
        try:
            lines = iter(process.stderr.readline, "")
            [address] = next(found for line in lines if (found := re.findall(r"ws://127\.0\.0\.1:\d+", line)))
            with connect(f"{address}/session", max_size=None) as connection:
                yield FirefoxPage(connection)
        finally:
            process.kill()
