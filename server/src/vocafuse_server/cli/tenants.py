"""`vocafuse-server tenants`: the accounts on this server."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.accounts import queries
from vocafuse_server.accounts.models import Plan, Tenant, TenantStatus
from vocafuse_server.accounts.secrets import new_key_pair
from vocafuse_server.accounts.tenants import TenantChanges, add_key_pair, change_tenant, create_tenant
from vocafuse_server.cli.conventions import (
    AsJson,
    command_settings,
    examples,
    plain,
    print_fields,
    print_json,
    print_rows,
)
from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.ids import TenantId
from vocafuse_server.local_database import migrated_database

command = plain("Accounts on this server.")
ResultT = TypeVar("ResultT")
TenantArgument = Annotated[UUID, typer.Argument(metavar="ID", help="The account's id, from `tenants list`.")]
_TITLES = ("ID", "NAME", "PLAN", "STATUS", "CREATED (UTC)")


@command.command(
    "list", epilog=examples("vocafuse-server tenants list", "vocafuse-server tenants list --json")
)
def list_command(as_json: AsJson = False) -> None:
    """List the accounts, the oldest first."""
    found = _in_transaction(queries.list_tenants)
    if as_json:
        print_json([_fields(tenant) for tenant in found])
    else:
        print_rows(_TITLES, [_row(tenant) for tenant in found])


@command.command(
    "create", epilog=examples("vocafuse-server tenants create --name 'Acme' --plan pro --json > acme.json")
)
def create_command(
    name: Annotated[str, typer.Option(help="What the account is called.")],
    plan: Annotated[Plan, typer.Option(help="What the account has subscribed to.")] = Plan.FREE,
    as_json: AsJson = False,
) -> None:
    """Make an account and its first key pair. The secret is shown this once."""
    _check_name(name)

    async def create(session: AsyncSession) -> dict[str, object]:
        pair = new_key_pair()
        made = await create_tenant(session, name=name, plan=plan, key_pair=pair, now=utc_now())
        return {
            "tenant_id": str(made.tenant_id),
            "api_key": made.key_pair.api_key,
            "api_secret": made.key_pair.api_secret,
        }

    print_fields(_in_transaction(create), as_json=as_json)


@command.command(
    "update",
    epilog=examples(
        "vocafuse-server tenants update 0199… --plan enterprise",
        "vocafuse-server tenants update 0199… --status suspended",
    ),
)
def update_command(
    tenant: TenantArgument,
    name: Annotated[str | None, typer.Option(help="What the account is called.")] = None,
    plan: Annotated[Plan | None, typer.Option(help="What the account has subscribed to.")] = None,
    status: Annotated[
        TenantStatus | None, typer.Option(help="A suspended account's keys and tokens are refused.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change an account's name or plan; suspend it, or let it in again."""
    if name is None and plan is None and status is None:
        raise typer.BadParameter("one of them is needed", param_hint="--name, --plan or --status")
    if name is not None:
        _check_name(name)
    changes = TenantChanges(name=name, plan=plan, status=status)

    async def change(session: AsyncSession) -> Tenant | None:
        return await change_tenant(session, TenantId(tenant), changes, now=utc_now())

    print_fields(_fields(_known(_in_transaction(change), tenant)), as_json=as_json)


@command.command("new-key", epilog=examples("vocafuse-server tenants new-key 0199… --name 'CI'"))
def new_key_command(
    tenant: TenantArgument,
    name: Annotated[str, typer.Option(help="What the key is called.")] = "API key",
    as_json: AsJson = False,
) -> None:
    """Make another key pair for an account that has lost its own. The secret is shown this once."""
    _check_name(name)

    async def add(session: AsyncSession) -> dict[str, object] | None:
        pair = await add_key_pair(session, TenantId(tenant), name=name, now=utc_now())
        return pair and {
            "tenant_id": str(tenant),
            "api_key": pair.api_key,
            "api_secret": pair.api_secret,
        }

    print_fields(_known(_in_transaction(add), tenant), as_json=as_json)


def _in_transaction(work: Callable[[AsyncSession], Awaitable[ResultT]]) -> ResultT:
    """Do something in one transaction on the database, which is started and migrated if need be."""

    async def run(database_url: str) -> ResultT:
        database = Database(database_url, pool_size=1)
        try:
            async with database.transaction() as session:
                return await work(session)
        finally:
            await database.close()

    with migrated_database(command_settings()) as database_url:
        return asyncio.run(run(database_url))


def _known(found: ResultT | None, tenant: UUID) -> ResultT:
    if found is None:
        raise StartupError(f"There is no account {tenant}; `vocafuse-server tenants list` has them all.")
    return found


def _check_name(name: str) -> None:
    if not name.strip():
        raise typer.BadParameter("must not be empty", param_hint="--name")


def _fields(tenant: Tenant) -> dict[str, object]:
    return {
        "tenant_id": str(tenant.id),
        "name": tenant.name,
        "email": tenant.email,
        "plan": tenant.plan.value,
        "status": tenant.status,
        "is_default": tenant.is_default,
        "created_at": tenant.created_at.isoformat(),
    }


def _row(tenant: Tenant) -> tuple[object, ...]:
    return tenant.id, tenant.name, tenant.plan, tenant.status, f"{tenant.created_at:%Y-%m-%d %H:%M}"
