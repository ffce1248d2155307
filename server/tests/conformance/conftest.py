"""One service for all tests of a process; each test has a tenant of its own."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from support.app import SettableClock, running_app
from support.web import serving
from support.worker import worker

from conformance.promises import VOICENOTES
from conformance.service import ApiUser, Service
from conformance.voice_notes import Sites
from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.embedded_postgres import EmbeddedPostgres
from vocafuse_server.core.settings import Settings
from vocafuse_server.schema import migrate
from vocafuse_server.transcription.adaptive import AdaptiveWhisper
from vocafuse_server.transcription.hardware import choose_hardware
from vocafuse_server.transcription.weights import resolve_model

_numbers = count()


@dataclass(frozen=True)
class Library:
    """A tenant's notes that have been through the worker."""

    user: ApiUser
    webm: dict[str, Any]
    mp3: dict[str, Any]
    failed: dict[str, Any]


@pytest.fixture(scope="session")
async def engine(models_dir: Path) -> AsyncIterator[AdaptiveWhisper]:
    """The English-only tiny model."""
    engine = AdaptiveWhisper.load(
        resolve_model("tiny.en", data_dir=models_dir), choose_hardware(device="cpu")
    )
    yield engine
    await engine.close()


@pytest.fixture(scope="session")
async def running(
    cluster: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory, engine: AdaptiveWhisper
) -> AsyncIterator[Service]:
    """The service with its default settings, but that webhooks may reach this machine."""
    cluster.ensure_database("conformance")
    database_url = cluster.url("conformance")
    migrate(database_url)
    settings = Settings.model_validate(
        {"data_dir": tmp_path_factory.mktemp("conformance"), "allow_private_networks": "127.0.0.0/8"}
    )
    # The tokens' library reads the real time.
    clock = SettableClock(utc_now().replace(microsecond=0))
    async with (
        running_app(settings, database_url, clock) as api,
        worker(api, database_url, clock, engine) as jobs,
    ):
        yield Service(api, database_url, clock, jobs)


@pytest.fixture
async def service(running: Service) -> AsyncIterator[Service]:
    """The service, called from an address that no other test has, since strangers are counted by address.

    What a test leaves on the queue is forgotten, and time is set right again.
    """
    address = str(ip_address("10.0.0.1") + next(_numbers))
    transport = httpx2.ASGITransport(running.api.app, client=(address, 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://notes.test") as http:
        yield replace(running, api=replace(running.api, http=http))
    await running.forget_jobs()
    running.clock.now = utc_now().replace(microsecond=0)


@pytest.fixture
def clock(service: Service) -> SettableClock:
    return service.clock


@pytest.fixture
async def user(service: Service) -> ApiUser:
    return await service.new_user()


@pytest.fixture
async def other(service: Service) -> ApiUser:
    return await service.new_user()


@pytest.fixture
async def lvng(user: ApiUser) -> ApiUser:
    """A user with a token, whose id is a UUID as in v2's examples."""
    return await user.token(user_id=str(uuid4()))


@pytest.fixture
async def sites() -> AsyncIterator[Sites]:
    async with serving() as site:
        yield Sites(site)


@pytest.fixture(scope="session")
async def library(running: Service) -> Library:
    """Read by many tests, changed by none."""
    user = await running.new_user()
    failed = await user.upload("truncated.mp4")
    webm = await user.upload("chrome-mediarecorder.webm", name="voicenote-2025-10-06T17-33-30-532Z.webm")
    mp3 = await user.upload("mp3-44k-stereo.mp3", name="voicenote.mp3", custom_tags='{"jobId": "job_123"}')
    await running.work()
    notes = [await user.get(f"{VOICENOTES.path}/{note['id']}") for note in (webm, mp3, failed)]
    return Library(user, *notes)
