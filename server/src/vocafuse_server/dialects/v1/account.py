"""v1's account: what it is, what it used, and changing what its owner can change."""

from typing import Annotated

from fastapi import APIRouter, Query

from vocafuse_server.accounts import own_account
from vocafuse_server.accounts.usage import recent_usage, usage_by_day
from vocafuse_server.dialects.context import Context, Session
from vocafuse_server.dialects.routing import AccountReader, AccountWriter, AuthenticatedRoute
from vocafuse_server.dialects.v1.account_schemas import (
    ACCOUNT_PATH,
    AccountBody,
    AccountRequest,
    Days,
    UsageByDay,
    account_body,
    usage_body,
)
from vocafuse_server.dialects.v1.responses import errors

router = APIRouter(prefix=ACCOUNT_PATH, route_class=AuthenticatedRoute, tags=["account"])


@router.get("", responses=errors(401, 403))
async def get_account(session: Session, context: Context, caller: AccountReader) -> AccountBody:
    """Get the account, with what it used in this month and the last (UTC); deleted notes count, too."""
    tenant = await own_account.get_account(session, caller.tenant_id)
    return account_body(tenant, await recent_usage(session, tenant.id, now=context.clock()))


@router.put("", responses=errors(401, 403, 413))
async def update_account(
    body: AccountRequest, session: Session, context: Context, caller: AccountWriter
) -> AccountBody:
    """Change the account's name, email or settings; what isn't given stays as it is."""
    changes = own_account.AccountChanges(name=body.name, email=body.email, settings=body.settings)
    tenant = await own_account.update_account(session, caller.tenant_id, changes, now=context.clock())
    return account_body(tenant, await recent_usage(session, tenant.id, now=context.clock()))


@router.get("/usage", responses=errors(401, 403))
async def get_usage(
    session: Session,
    context: Context,
    caller: AccountReader,
    days: Annotated[Days, Query(description="How many, the last of them today (UTC)")] = 30,
) -> UsageByDay:
    """Get what the account used on each of the last days; deleted notes count, too."""
    found = await usage_by_day(session, caller.tenant_id, days=days, now=context.clock())
    return usage_body(found)
