"""Settings that don't fit together are told, with what to do."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from vocafuse_server.core.settings import Settings, load_settings
from vocafuse_server.doctor.findings import Finding, Status
from vocafuse_server.doctor.fitting import check_networks, check_rate_limit_store, check_settings

DATABASE = "postgresql://notes:secret@db.example.com/notes"
FLEET_KEYS = {"VOCAFUSE_SIGNING_KEY": "s" * 32, "VOCAFUSE_ENCRYPTION_KEY": "e" * 32}


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest) -> list[Finding]:
    for name, value in {"VOCAFUSE_DATA_DIR": str(tmp_path), **request.param}.items():
        monkeypatch.setenv(name, value)
    return list(check_settings(load_settings()))


def stated(found: list[Finding]) -> list[tuple[Status, str]]:
    """Each finding's status, and the variable that it is about."""
    assert all(one.remedy for one in found)
    return [
        (
            one.status,
            next(word for word in one.message.replace(",", " ").split() if word.startswith("VOCAFUSE")),
        )
        for one in found
    ]


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"VOCAFUSE_API_KEY": "sk_live_x", "VOCAFUSE_TEST_MODELS": "/tmp"},
        {"VOCAFUSE_DATABASE_URL": DATABASE, "VOCAFUSE_STORAGE_URL": "s3://bucket", **FLEET_KEYS},
        {"VOCAFUSE_ENGINE": "openai", "VOCAFUSE_OPENAI_API_KEY": "sk-x"},
        {"VOCAFUSE_ENGINE": "openai", "VOCAFUSE_OPENAI_BASE_URL": "http://10.0.0.1:9000/v1"},
        {"VOCAFUSE_PUBLIC_URL": "https://notes.example.com"},
    ],
    indirect=True,
)
def test_settings_that_fit(found: list[Finding]) -> None:
    assert [one.status for one in found] == [Status.OK]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"VOCAFUSE_PUBLIC_URL": "https://a.example/v1/"}, [(Status.FAILED, "VOCAFUSE_PUBLIC_URL")]),
        ({"VOCAFUSE_PUBLIC_URL": "http://a.example"}, [(Status.WARNING, "VOCAFUSE_PUBLIC_URL")]),
        ({"VOCAFUSE_WORKER_METRICS_PORT": "8000"}, [(Status.FAILED, "VOCAFUSE_PORT")]),
        ({"VOCAFUSE_METRICS": "all", "VOCAFUSE_HOST": "0.0.0.0"}, [(Status.WARNING, "VOCAFUSE_METRICS")]),
        ({"VOCAFUSE_ENGINE": "openai"}, [(Status.FAILED, "VOCAFUSE_ENGINE")]),
        ({"VOCAFUSE_OPENAI_MODEL": "whisper-2"}, [(Status.WARNING, "VOCAFUSE_OPENAI_MODEL")]),
        ({"VOCAFUSE_OLD_SIGNING_KEYS": "o" * 32}, [(Status.WARNING, "VOCAFUSE_OLD_SIGNING_KEYS")]),
        ({"VOCAFUSE_MODLE": "small"}, [(Status.WARNING, "VOCAFUSE_MODLE")]),
        (
            {
                "VOCAFUSE_DATABASE_URL": DATABASE,
                "VOCAFUSE_STORAGE_URL": "s3://b",
                "VOCAFUSE_SIGNING_KEY": "s" * 32,
            },
            [(Status.WARNING, "VOCAFUSE_ENCRYPTION_KEY")],
        ),
    ],
    indirect=["found"],
)
def test_settings_that_do_not_fit_are_named(found: list[Finding], expected: list[tuple[Status, str]]) -> None:
    assert stated(found) == expected


@pytest.mark.parametrize("found", [{"VOCAFUSE_DATABASE_URL": DATABASE, **FLEET_KEYS}], indirect=True)
def test_a_fleet_whose_audio_is_on_one_machine(found: list[Finding]) -> None:
    [one] = found
    assert one.status is Status.WARNING
    assert "VOCAFUSE_STORAGE_URL" in str(one.remedy)
    assert "secret" not in one.message


@pytest.mark.parametrize(
    ("networks", "host", "status"),
    [
        ([], "0.0.0.0", Status.OK),
        (["127.0.0.0/8"], "127.0.0.1", Status.OK),
        (["10.1.0.0/16"], "0.0.0.0", Status.OK),
        (["127.0.0.0/8"], "0.0.0.0", Status.WARNING),
        (["0.0.0.0/0"], "127.0.0.1", Status.WARNING),
        (["169.254.0.0/16"], "127.0.0.1", Status.WARNING),
    ],
)
def test_networks_that_accounts_can_reach(
    tmp_path: Path, networks: list[str], host: str, status: Status
) -> None:
    allowed = tuple(map(ip_network, networks))
    [found] = check_networks(Settings(data_dir=tmp_path, host=host, allow_private_networks=allowed))
    assert found.status is status


def test_without_a_store_of_rate_limits_there_is_nothing_to_check(tmp_path: Path) -> None:
    assert list(check_rate_limit_store(Settings(data_dir=tmp_path))) == []
