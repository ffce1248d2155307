"""The settings of the engine `openai`."""

import pytest

from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.settings import load_settings


def test_it_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOCAFUSE_ENGINE", "OpenAI")
    monkeypatch.setenv("VOCAFUSE_OPENAI_BASE_URL", "http://10.0.0.5:9000/v1/")
    settings = load_settings()
    assert (settings.engine, settings.openai_api_key) == ("openai", None)
    assert settings.openai_base_url == "http://10.0.0.5:9000/v1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VOCAFUSE_OPENAI_BASE_URL", "hidden.example.com/v1"),
        ("VOCAFUSE_OPENAI_BASE_URL", "ftp://hidden.example.com/v1"),
        ("VOCAFUSE_OPENAI_BASE_URL", "https://"),
        ("VOCAFUSE_OPENAI_BASE_URL", "https://[hidden/v1"),
        ("VOCAFUSE_OPENAI_BASE_URL", "https://hidden.example.com:99999/v1"),
        ("VOCAFUSE_OPENAI_BASE_URL", "https://me:hidden@example.com/v1"),
        ("VOCAFUSE_OPENAI_BASE_URL", "https://example.com/v1?key=hidden"),
        ("VOCAFUSE_OPENAI_BASE_URL", "https://example.com/v 1"),
        ("VOCAFUSE_OPENAI_API_KEY", "sk-hidden\nX-Other: 1"),
        ("VOCAFUSE_OPENAI_API_KEY", "sk-hiddén"),
        ("VOCAFUSE_OPENAI_TIMEOUT_SECONDS", "0"),
    ],
)
def test_what_can_not_be_used_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(StartupError, match=name) as raised:
        load_settings()
    assert "hidden" not in str(raised.value)


def test_the_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOCAFUSE_OPENAI_API_KEY", "sk-hidden")
    assert "hidden" not in repr(load_settings())
