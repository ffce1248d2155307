"""Settings: read from the environment, refused with the variable's name, all of them documented."""

import re
from ipaddress import ip_network
from pathlib import Path

import pytest

from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.settings import Settings, load_settings

DOCUMENT = Path(__file__).parents[4] / "docs" / "settings.md"


def test_the_document_lists_every_setting_with_its_default_and_meaning() -> None:
    rows = dict(re.findall(r"^\| `(VOCAFUSE_\w+)` \| (.*) \|$", DOCUMENT.read_text(), flags=re.MULTILINE))
    fields = {f"VOCAFUSE_{name.upper()}": field for name, field in Settings.model_fields.items()}
    assert set(rows) == set(fields)
    for name, field in fields.items():
        assert field.description is not None
        assert field.description in rows[name], name


def test_lists_are_comma_separated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOCAFUSE_ALLOW_PRIVATE_NETWORKS", "127.0.0.0/8, ::1,10.1.2.3/8,")
    monkeypatch.setenv("VOCAFUSE_WEBHOOK_RETRY_SECONDS", "1, 2.5")
    settings = load_settings()
    assert settings.allow_private_networks == tuple(map(ip_network, ("127.0.0.0/8", "::1", "10.0.0.0/8")))
    assert settings.webhook_retry_seconds == (1.0, 2.5)


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOCAFUSE_PORT", "")
    assert load_settings().port == 8000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VOCAFUSE_PORT", "eighty"),
        ("VOCAFUSE_PORT", "70000"),
        ("VOCAFUSE_ALLOW_PRIVATE_NETWORKS", "everything"),
        ("VOCAFUSE_SIGNING_KEY", "short"),
        ("VOCAFUSE_ENGINE", "magic"),
        ("VOCAFUSE_MODEL_DEVICE", "tpu"),
        ("VOCAFUSE_MODEL_COMPUTE_TYPE", "int4"),
        ("VOCAFUSE_MODEL_WORKERS", "0"),
        ("VOCAFUSE_MODEL_THREADS", "many"),
        ("VOCAFUSE_DATABASE_URL", "foo"),
        ("VOCAFUSE_DATABASE_URL", "mysql://here/notes"),
        ("VOCAFUSE_WEBHOOK_RETRY_SECONDS", "soon"),
        ("VOCAFUSE_BOOTSTRAP_KEY", "sk_live_alone"),
        ("VOCAFUSE_RATE_LIMIT_PER_MINUTE", "0"),
        ("VOCAFUSE_RATE_LIMIT_STORE_URL", "memcached://host"),
        ("VOCAFUSE_RATE_LIMIT_STORE_URL", "redis:///0"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(StartupError, match=name):
        load_settings()


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOCAFUSE_BOOTSTRAP_KEY", "sk_live_known")
    monkeypatch.setenv("VOCAFUSE_BOOTSTRAP_SECRET", "hidden-secret")
    monkeypatch.setenv("VOCAFUSE_SIGNING_KEY", "hidden-" + "k" * 32)
    monkeypatch.setenv("VOCAFUSE_DATABASE_URL", "postgresql://me:hidden-password@db/notes")
    monkeypatch.setenv("VOCAFUSE_RATE_LIMIT_STORE_URL", "redis://:hidden-password@store/0")
    assert "hidden" not in repr(load_settings())


@pytest.mark.parametrize(
    ("values", "base_url"),
    [
        ({}, "http://127.0.0.1:8000/v1"),
        ({"host": "0.0.0.0", "port": 9}, "http://127.0.0.1:9/v1"),  # listening everywhere; reached here
        ({"host": "::1"}, "http://[::1]:8000/v1"),
        ({"public_url": "https://notes.example.com/"}, "https://notes.example.com/v1"),
    ],
)
def test_the_base_url_is_one_that_clients_here_can_use(values: dict[str, object], base_url: str) -> None:
    assert Settings.model_validate(values).base_url == base_url
