from __future__ import annotations

import json
from pathlib import Path

import pytest

from vocafuse import Client, CredentialsError, ValidationError
from vocafuse._config import Config, resolve_config

FILE = {
    "base_url": "http://127.0.0.1:9000/v1",
    "tenant_id": "t",
    "api_key": "file-key",
    "api_secret": "file-s",
}


@pytest.fixture
def environ(data_dir: Path) -> dict[str, str]:
    (data_dir / "credentials.json").write_text(json.dumps(FILE))
    return {"VOCAFUSE_DATA_DIR": str(data_dir)}


def test_arguments_win_over_environment_over_file(environ: dict[str, str]) -> None:
    assert resolve_config(None, None, None, environ) == Config(FILE["base_url"], "file-key", "file-s")
    environ |= {"VOCAFUSE_API_KEY": "env-key", "VOCAFUSE_API_SECRET": "env-s"}
    assert resolve_config(None, None, None, environ) == Config(FILE["base_url"], "env-key", "env-s")
    environ["VOCAFUSE_BASE_URL"] = "https://env.example/v1/"
    assert resolve_config(None, None, None, environ).base_url == "https://env.example/v1"
    config = resolve_config("key", "s", "https://argument.example/v1", environ)
    assert config == Config("https://argument.example/v1", "key", "s")


@pytest.mark.parametrize(("key", "secret"), [("key", None), (None, "s")])
def test_half_a_pair_is_not_completed_from_elsewhere(
    environ: dict[str, str], key: str | None, secret: str | None
) -> None:
    both = {**environ, "VOCAFUSE_API_KEY": "env-key", "VOCAFUSE_API_SECRET": "env-s"}
    with pytest.raises(CredentialsError, match="without"):
        resolve_config(key, secret, None, both)
    half = {"VOCAFUSE_API_KEY": key or "", "VOCAFUSE_API_SECRET": secret or ""}
    with pytest.raises(CredentialsError, match=r"VOCAFUSE_API_\w+ was given without VOCAFUSE_API_"):
        resolve_config(None, None, None, {**environ, **half})


def test_nothing_found_says_what_to_do(data_dir: Path) -> None:
    with pytest.raises(CredentialsError, match=r"VOCAFUSE_API_KEY and .*credentials\.json"):
        Client()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"api_key": 5, "api_secret": "s"}', "\xff"])
def test_a_broken_file_is_named(data_dir: Path, content: str) -> None:
    (data_dir / "credentials.json").write_text(content)
    with pytest.raises(CredentialsError, match=r"credentials\.json holds no"):
        Client()


def test_an_unreadable_file_is_named(data_dir: Path) -> None:
    (data_dir / "credentials.json").mkdir()
    with pytest.raises(CredentialsError, match="Cannot read"):
        Client()


@pytest.mark.parametrize("url", ["https://elsewhere.example/v1", "http://10.0.0.5:9000/v1"])
def test_the_local_servers_key_stays_on_this_machine(environ: dict[str, str], url: str) -> None:
    with pytest.raises(CredentialsError, match="is not sent to"):
        resolve_config(None, None, url, environ)


@pytest.mark.parametrize(
    "url", ["http://localhost:9000/v1", "http://[::1]:9000/v1", "http://127.0.0.1:9000/v1"]
)
def test_the_local_server_has_several_names(environ: dict[str, str], url: str) -> None:
    assert resolve_config(None, None, url, environ) == Config(url, "file-key", "file-s")


@pytest.mark.parametrize("value", ["", "with space", "line\n", "ключ"])
def test_a_key_that_no_header_can_carry_is_not_quoted(value: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        Client(api_key="key", api_secret=value)
    assert not value or value not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["localhost:8000", "ftp://a/v1", "http://", "http://u:p@a/v1", "http://a/v1?x=1", "http://a:b/v1"]
)
def test_a_base_url_must_be_one(url: str) -> None:
    with pytest.raises(ValidationError, match="base_url") as caught:
        Client("key", "secret", url)
    assert "u:p" not in str(caught.value)
