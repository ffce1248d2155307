"""The SDK in Firefox, whose MediaRecorder, microphone and storage are others than Chromium's."""

from pathlib import Path

import pytest
from support.example_backend import ExampleBackend
from support.firefox import FIREFOX, firefox
from support.running_server import Server

pytestmark = pytest.mark.skipif(
    FIREFOX is None, reason="There is no Firefox on this machine; Debian's package is firefox-esr."
)


def test_firefox_records_keeps_and_sends(server: Server, example: ExampleBackend, tmp_path: Path) -> None:
    with firefox(tmp_path) as page:
        page.open(f"{example.url}page.css")
        told = page.run(
            """
            const { VocaFuseSDK } = await import("/vocafuse.js");
            const sdk = new VocaFuseSDK({ tokenEndpoint: "/api/vocafuse-token" });
            const recorded = new Promise((resolve) => {
              sdk.recorder = sdk.createRecorder({
                autoUpload: false,
                onRecordProgress: (seconds) => seconds >= 1.2 && resolve(),
              });
            });
            await sdk.recorder.start();
            await recorded;
            const { keptId } = await sdk.recorder.stop();
            const kept = await sdk.listKept();
            const result = await sdk.retryKept(keptId);
            const { text } = await sdk.wait(result.voicenote_id);
            return { result, text, kept: kept.map(({ id }) => id), keptId };
            """
        )
    assert told["kept"] == [told["keptId"]]
    assert told["text"] == ""  # The microphone hums.
    with server.client() as client:
        note = client.voicenotes.get(told["result"]["voicenote_id"])
    assert (note.status, note.audio_codec, note.user_id) == ("transcribed", "opus", "user_12345")
    assert note.duration_seconds == pytest.approx(told["result"]["duration_seconds"], abs=0.5)
