"""v1's bodies of accounts and API keys, in the published order."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from vocafuse_server.accounts.api_keys import NewApiKey
from vocafuse_server.accounts.models import ApiKey, Tenant
from vocafuse_server.accounts.scopes import KEY_SCOPE_NAMES
from vocafuse_server.accounts.usage import RecentUsage, Usage
from vocafuse_server.core.database import JsonObject as JsonData
from vocafuse_server.dialects.fields import JsonObject, RequestBody, ShortText, whole_number, within
from vocafuse_server.dialects.v1.fields import Email, Moment, wire_time, wire_time_or_none
from vocafuse_server.dialects.v1.schemas import one_or_more

KeyScopes = Annotated[list[str], Field(json_schema_extra=one_or_more(KEY_SCOPE_NAMES))]
ACCOUNT_PATH = "/v1/account"
API_KEYS_PATH = f"{ACCOUNT_PATH}/api-keys"
KEY_PREFIX_LENGTH = 10
MAX_DAYS = 366
Days = Annotated[
    int,
    BeforeValidator(whole_number),
    within(1, MAX_DAYS),
    Field(json_schema_extra={"minimum": 1, "maximum": MAX_DAYS}),
]


class AccountRequest(RequestBody):
    name: ShortText | None = None
    email: Email | None = Field(default=None, description="An empty one removes it.")
    settings: JsonObject | None = Field(
        default=None, description="Merged into those there are; a setting that is null is removed."
    )


class UsageBody(BaseModel):
    recordings_count: int
    voicenotes_count: int
    total_duration_seconds: float
    storage_used_bytes: int


class Dated(BaseModel):
    date: str = Field(json_schema_extra={"format": "date"})


class DayUsageBody(UsageBody, Dated):
    """The date comes first."""


class UsageByDay(BaseModel):
    """Every day is there, the oldest first."""

    days: list[DayUsageBody]
    uri: str


class AccountUsage(BaseModel):
    current_month: UsageBody
    previous_month: UsageBody


class AccountBody(BaseModel):
    id: str
    tenant_id: str
    name: str
    email: str | None
    status: str
    plan: str
    settings: JsonData
    created_at: str
    updated_at: str
    uri: str
    usage: AccountUsage


class ApiKeyRequest(RequestBody):
    name: ShortText | None = Field(default=None, description="Default: `API key`.")
    scopes: KeyScopes | None = Field(default=None, description="Default: those of the key that asks.")
    expires_at: Moment | None = Field(
        default=None, description="ISO 8601, UTC unless it says otherwise. Default: never."
    )


class ApiKeyBody(BaseModel):
    id: str
    name: str
    key_prefix: str
    scopes: list[str]
    status: str
    last_used_at: str | None
    usage_count: int
    expires_at: str | None
    created_at: str
    updated_at: str
    uri: str


class ApiKeyCreated(BaseModel):
    """The one answer that shows the key and its secret."""

    id: str
    name: str
    api_key: str
    api_secret: str
    key_prefix: str
    scopes: list[str]
    status: str
    expires_at: str | None
    created_at: str
    uri: str
    code: str


def account_body(tenant: Tenant, usage: RecentUsage) -> AccountBody:
    """An account on the wire."""
    return AccountBody(
        id=str(tenant.id),
        tenant_id=str(tenant.id),
        name=tenant.name,
        email=tenant.email,
        status=tenant.status,
        plan=tenant.plan.value,
        settings=tenant.settings,
        created_at=wire_time(tenant.created_at),
        updated_at=wire_time(tenant.updated_at),
        uri=ACCOUNT_PATH,
        usage=AccountUsage(
            current_month=UsageBody(**_usage_fields(usage.current_month)),
            previous_month=UsageBody(**_usage_fields(usage.previous_month)),
        ),
    )


def usage_body(days: Sequence[tuple[date, Usage]]) -> UsageByDay:
    """Usage by day on the wire."""
    return UsageByDay(
        days=[DayUsageBody(date=day.isoformat(), **_usage_fields(usage)) for day, usage in days],
        uri=f"{ACCOUNT_PATH}/usage?days={len(days)}",
    )


def _usage_fields(usage: Usage) -> dict[str, Any]:
    return {
        "recordings_count": usage.notes_count,
        "voicenotes_count": usage.notes_count,
        "total_duration_seconds": usage.duration_ms / 1000,
        "storage_used_bytes": usage.size_bytes,
    }


def api_key_body(key: ApiKey, *, now: datetime) -> ApiKeyBody:
    """A key on the wire."""
    return ApiKeyBody(
        **_key_fields(key, now),
        last_used_at=wire_time_or_none(key.last_used_at),
        usage_count=key.usage_count,
        updated_at=wire_time(key.updated_at),
    )


def api_key_created(made: NewApiKey, *, now: datetime) -> ApiKeyCreated:
    """A key on the wire, the one time that it and its secret are shown."""
    return ApiKeyCreated(
        **_key_fields(made.row, now),
        api_key=made.key_pair.api_key,
        api_secret=made.key_pair.api_secret,
        code="API_KEY_CREATED",
    )


def _key_fields(key: ApiKey, now: datetime) -> dict[str, Any]:
    return {
        "id": str(key.id),
        "name": key.name,
        "key_prefix": key.api_key[:KEY_PREFIX_LENGTH],
        "scopes": key.scopes,
        "status": key.status_at(now).value,
        "expires_at": wire_time_or_none(key.expires_at),
        "created_at": wire_time(key.created_at),
        "uri": f"{API_KEYS_PATH}/{key.id}",
    }
