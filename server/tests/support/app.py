"""The app on a test's database, called without a network in between."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import httpx2
from fastapi import FastAPI

from vocafuse_server.accounts.models import Plan
from vocafuse_server.accounts.secrets import KeyPair, new_key_pair
from vocafuse_server.accounts.tenants import create_tenant
from vocafuse_server.app import create_app
from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import TenantId
from vocafuse_server.core.settings import Settings
from vocafuse_server.dialects.context import AppContext

NOON = datetime(2026, 3, 14, 12, tzinfo=timezone.utc)


@dataclass
class SettableClock:
    """A clock that stands still until it is told to go on."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, step: timedelta) -> None:
        self.now += step


@dataclass(frozen=True)
class Account:
    """A tenant with its first key pair."""

    id: TenantId
    key_pair: KeyPair = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        return {
            "X-VocaFuse-API-Key": self.key_pair.api_key,
            "X-VocaFuse-API-Secret": self.key_pair.api_secret,
        }


async def make_account(database: Database, *, plan: Plan = Plan.ENTERPRISE) -> Account:
    """A fresh tenant whose key pair holds every scope."""
    async with database.transaction() as session:
        made = await create_tenant(session, name="Test", plan=plan, key_pair=new_key_pair(), now=NOON)
    return Account(made.tenant_id, made.key_pair)


@dataclass(frozen=True)
class Api:
    """A running app, and an HTTP client for it that holds no credentials."""

    http: httpx2.AsyncClient
    context: AppContext
    app: FastAPI


@asynccontextmanager
async def running_app(settings: Settings, database_url: str, clock: SettableClock) -> AsyncGenerator[Api]:
    """The app between its start and its stop."""
    app = create_app(settings, database_url, clock=clock)
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://notes.test") as http,
    ):
        yield Api(http, app.state.context, app)
