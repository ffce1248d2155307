"""Settings: read from the environment, refused with the variable's name, all of them documented."""

import json
import re
from ipaddress import ip_network
from pathlib import Path

import pytest

from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.settings import Settings, load_settings

DOCUMENT = Path(__file__).parents[4] / "docs" / "settings.md"


def test_the_document_lists_every_setting_with_its_default_and_meaning() -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| (.*) \|$", DOCUMENT.read_text(), flags=re.MULTILINE))
    fields = {
        str(field.validation_alias or f"VOCAFUSE_{name.upper()}"): field
        for name, field in Settings.model_fields.items()
    }
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
        ("VOCAFUSE_METRICS", "some"),
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
        ("VOCAFUSE_TOKEN_ISSUERS", "https://login.test/"),
        ("VOCAFUSE_TOKEN_ISSUERS", "[" * 100_000),
        ("VOCAFUSE_TOKEN_ISSUERS", '{"issuer": "a"}'),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(StartupError, match=name):
        load_settings()


GOOD_ISSUER: dict[str, object] = {"issuer": "a", "audience": "b", "secret": "s" * 32}


def test_token_issuers_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().token_issuers == ()
    other = {
        "issuer": "c",
        "audience": ["d", "e"],
        "jwks_url": "https://c.test/jwks",
        "algorithms": ["RS256"],
    }
    monkeypatch.setenv("VOCAFUSE_TOKEN_ISSUERS", json.dumps([GOOD_ISSUER, other]))
    first, second = load_settings().token_issuers
    assert (first.issuer, first.audience, first.jwks_url) == ("a", ("b",), None)
    assert (second.audience, second.algorithms, second.secret) == (("d", "e"), ("RS256",), None)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        *(({name: ""}, f"0.{name}") for name in ("issuer", "tenant_claim")),
        *(({name: None}, f"0.{name}") for name in ("issuer", "audience")),
        *(({"audience": audience}, "0.audience") for audience in ([], [""], 7)),
        ({"issuer": "vocafuse"}, "own name"),
        ({"secret": None}, "jwks_url or a secret"),
        ({"jwks_url": "https://a.test/"}, "jwks_url or a secret"),
        *(
            ({"secret": None, "jwks_url": url}, "must be a URL")
            for url in ("file:///etc/passwd", "a.test", "http:")
        ),
        ({"secret": "s" * 31}, "at least 32 bytes"),
        ({"secret": "-----BEGIN PUBLIC KEY-----" + "s" * 32}, "not a key"),
        ({"algorithms": ["RS256"]}, "HS256 only"),
        *(
            ({"secret": None, "jwks_url": "https://a.test/", "algorithms": [name]}, "0.algorithms")
            for name in ("none", "HS256", "ES256K", "")
        ),
        ({"secret": None, "jwks_url": "https://a.test/", "algorithms": []}, "0.algorithms"),
        ({"tenant_id": "default"}, "0.tenant_id"),
        ({"tenant_id": "0" * 32, "tenant_claim": "t"}, "exclude each other"),
        ({"jwks": "https://a.test/"}, "0.jwks"),
    ],
)
def test_an_issuer_that_makes_no_sense_ends_the_start(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], reason: str
) -> None:
    monkeypatch.setenv("VOCAFUSE_TOKEN_ISSUERS", json.dumps([{**GOOD_ISSUER, **changes}]))
    with pytest.raises(StartupError, match=f"VOCAFUSE_TOKEN_ISSUERS: .*{reason}") as raised:
        load_settings()
    assert "sss" not in str(raised.value)


def test_each_issuer_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOCAFUSE_TOKEN_ISSUERS", json.dumps([GOOD_ISSUER, GOOD_ISSUER]))
    with pytest.raises(StartupError, match="each issuer once"):
        load_settings()


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOCAFUSE_BOOTSTRAP_KEY", "sk_live_known")
    monkeypatch.setenv("VOCAFUSE_BOOTSTRAP_SECRET", "hidden-secret")
    monkeypatch.setenv("VOCAFUSE_SIGNING_KEY", "hidden-" + "k" * 32)
    monkeypatch.setenv("VOCAFUSE_DATABASE_URL", "postgresql://me:hidden-password@db/notes")
    monkeypatch.setenv("VOCAFUSE_RATE_LIMIT_STORE_URL", "redis://:hidden-password@store/0")
    issuer = {**GOOD_ISSUER, "secret": "hidden-" + "k" * 32}
    monkeypatch.setenv("VOCAFUSE_TOKEN_ISSUERS", json.dumps([issuer]))
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
