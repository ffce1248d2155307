"""What all tests of the server share."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from support.listener import Listener, listening
from support.secret_watch import watching

from vocafuse_server.core.embedded_postgres import EmbeddedPostgres
from vocafuse_server.schema import migrate
from vocafuse_server.transcription.weights import resolve_model


def pytest_collection_finish(session: pytest.Session) -> None:
    """What a group of tests shares is there once only if xdist can write the group into their ids."""
    if session.config.getoption("loadgroup", default=False):
        grouped = [item for item in session.items if item.get_closest_marker("xdist_group")]
        assert all("@" in item.nodeid for item in grouped), "pytest-xdist and pytest don't go together"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own settings change no test."""
    for name in list(os.environ):
        if name.startswith("VOCAFUSE_") and not name.startswith("VOCAFUSE_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)


@pytest.fixture(scope="session", autouse=True)
def _programs_hear_ctrl_c() -> None:
    """A shell starts what runs in its background without, and what tests start would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _plain_tracebacks() -> None:
    """As in the server's own logs: the default form shows every local variable, and takes seconds."""
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], renderer])


@pytest.fixture(scope="session", autouse=True)
def _no_secret_in_any_log(
    _plain_tracebacks: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Looked at once, when every server that the session started has stopped."""
    with watching(tmp_path_factory.getbasetemp()):
        yield


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """One cluster a test process; nothing in it has to survive a power cut."""
    folder = tmp_path_factory.mktemp("cluster") / "postgres"
    postgres = EmbeddedPostgres(folder, options=["fsync=off", "synchronous_commit=off"])
    postgres.start()
    postgres.ensure_database("template")
    migrate(postgres.url("template"))
    yield postgres
    postgres.stop()


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """Where models are put together: VOCAFUSE_TEST_MODELS, or a folder in the user's cache."""
    given = os.environ.get("VOCAFUSE_TEST_MODELS")
    return Path(given) if given else Path.home() / ".cache" / "vocafuse-tests"


@pytest.fixture(scope="session")
def small_model(models_dir: Path) -> str:
    """The folder of a model that starts a server fast, where it matters little what is heard."""
    return str(resolve_model("tiny.en", data_dir=models_dir).path)
