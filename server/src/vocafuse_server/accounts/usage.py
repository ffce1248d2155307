"""What tenants use, month by month (UTC)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.accounts import queries
from vocafuse_server.core.ids import TenantId


@dataclass(frozen=True, slots=True)
class Usage:
    """Notes whose audio arrived, the bytes of it, and how long those transcribed are."""

    notes_count: int = 0
    size_bytes: int = 0
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class RecentUsage:
    """What an account shows."""

    current_month: Usage
    previous_month: Usage


def month_of(moment: datetime) -> date:
    """The first day of the month that a moment is in."""
    return moment.astimezone(timezone.utc).date().replace(day=1)


async def count_note(
    session: AsyncSession, tenant_id: TenantId, *, created_at: datetime, size_bytes: int
) -> None:
    """Count a note whose audio has arrived. The last thing in its transaction: it locks a row that all
    uploads of the tenant want."""
    month = month_of(created_at)
    await queries.add_usage(session, tenant_id, month, notes_count=1, size_bytes=size_bytes, duration_ms=0)


async def count_duration(
    session: AsyncSession,
    tenant_id: TenantId,
    *,
    created_at: datetime,
    duration_s: float,
    counted_s: float | None,
) -> None:
    """Count how long a transcribed note is, but for what an earlier transcription counted of it."""
    duration_ms = round(duration_s * 1000) - round((counted_s or 0.0) * 1000)
    if duration_ms:
        month = month_of(created_at)
        await queries.add_usage(
            session, tenant_id, month, notes_count=0, size_bytes=0, duration_ms=duration_ms
        )


async def recent_usage(session: AsyncSession, tenant_id: TenantId, *, now: datetime) -> RecentUsage:
    """The tenant's usage in this month and the one before."""
    current = month_of(now)
    previous = month_of(now.astimezone(timezone.utc).replace(day=1) - timedelta(days=1))
    found = {
        row.month: Usage(row.notes_count, row.size_bytes, row.duration_ms)
        for row in await queries.list_usage(session, tenant_id, [current, previous])
    }
    return RecentUsage(found.get(current, Usage()), found.get(previous, Usage()))
