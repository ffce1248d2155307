"""The first start: the first tenant with its key pair, and the file that tells this machine of it."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from vocafuse_server.accounts import queries, sessions
from vocafuse_server.accounts.models import Plan
from vocafuse_server.accounts.secrets import KeyPair, new_key_pair
from vocafuse_server.accounts.tenants import NewTenant, create_tenant
from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.data_dir import replace_secret
from vocafuse_server.core.database import Database
from vocafuse_server.core.settings import Settings

CREDENTIALS_FILE = "credentials.json"


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How the server's first tenant stands.

    Attributes:
        credentials_file: Where clients on this machine find the key pair; None if it isn't known here.
        created: The tenant, if this start made it: the one time its secret is shown.
        sign_in_code: What signs in to its console, once; None if it has no good key.
    """

    credentials_file: Path | None
    created: NewTenant | None
    sign_in_code: str | None = field(default=None, repr=False)


async def bootstrap(settings: Settings, database_url: str) -> Bootstrap:
    """Make the default tenant if the database doesn't have it, and keep the credentials file true."""
    path = settings.data_dir / CREDENTIALS_FILE
    database = Database(database_url, pool_size=1)
    try:
        known = await _first_tenant(settings, database, path)
    finally:
        await database.close()
    return replace(known, sign_in_code=await new_sign_in_code(database_url))


async def new_sign_in_code(database_url: str) -> str | None:
    """What signs in to the default tenant's console, once; None if it has no good key."""
    database = Database(database_url, pool_size=1)
    try:
        async with database.transaction() as session:
            return await sessions.make_link(session, now=utc_now())
    finally:
        await database.close()


async def _first_tenant(settings: Settings, database: Database, path: Path) -> Bootstrap:
    async with database.transaction() as session:
        if await queries.default_tenant_exists(session):
            return Bootstrap(_refresh(path, settings.base_url), created=None)
        created = await create_tenant(
            session,
            name="Default",
            plan=Plan.ENTERPRISE,
            key_pair=_first_key_pair(settings),
            now=utc_now(),
            is_default=True,
        )
        # Written before the commit: a tenant whose secret nobody knows would be of no use.
        _write(path, _credentials(settings.base_url, created))
    return Bootstrap(path, created)


def _first_key_pair(settings: Settings) -> KeyPair:
    if settings.bootstrap_key is None or settings.bootstrap_secret is None:
        return new_key_pair()
    return KeyPair(settings.bootstrap_key, settings.bootstrap_secret.get_secret_value())


def _credentials(base_url: str, tenant: NewTenant) -> dict[str, str]:
    return {
        "base_url": base_url,
        "tenant_id": str(tenant.tenant_id),
        "api_key": tenant.key_pair.api_key,
        "api_secret": tenant.key_pair.api_secret,
    }


def _refresh(path: Path, base_url: str) -> Path | None:
    """Correct the file's base URL if the server has moved to another port."""
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    if known.get("base_url") != base_url:
        _write(path, {**known, "base_url": base_url})
    return path


def _write(path: Path, credentials: dict[str, str]) -> None:
    replace_secret(path, json.dumps(credentials, indent=2) + "\n")
