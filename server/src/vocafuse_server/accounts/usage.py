"""What tenants use, day by day (UTC)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.accounts import queries
from vocafuse_server.core.ids import TenantId


@dataclass(frozen=True, slots=True)
class Usage:
    """Notes whose audio arrived, the bytes of it, and how long all is that was transcribed."""

    notes_count: int = 0
    size_bytes: int = 0
    duration_ms: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.notes_count + other.notes_count,
            self.size_bytes + other.size_bytes,
            self.duration_ms + other.duration_ms,
        )


@dataclass(frozen=True, slots=True)
class RecentUsage:
    """What an account shows."""

    current_month: Usage
    previous_month: Usage


def day_of(moment: datetime) -> date:
    """The day that a moment is in."""
    return moment.astimezone(timezone.utc).date()


async def count_note(
    session: AsyncSession, tenant_id: TenantId, *, created_at: datetime, size_bytes: int
) -> None:
    """Count a note whose audio has arrived. The last thing in its transaction: it locks a row that all
    uploads of the tenant want."""
    day = day_of(created_at)
    await queries.add_usage(session, tenant_id, day, notes_count=1, size_bytes=size_bytes, duration_ms=0)


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
        day = day_of(created_at)
        await queries.add_usage(session, tenant_id, day, notes_count=0, size_bytes=0, duration_ms=duration_ms)


async def recent_usage(session: AsyncSession, tenant_id: TenantId, *, now: datetime) -> RecentUsage:
    """The tenant's usage in this month and the one before."""
    month = day_of(now).replace(day=1)
    previous = (month - timedelta(days=1)).replace(day=1)
    days = await _used_since(session, tenant_id, previous)
    return RecentUsage(
        current_month=sum((used for day, used in days.items() if day >= month), Usage()),
        previous_month=sum((used for day, used in days.items() if day < month), Usage()),
    )


async def usage_by_day(
    session: AsyncSession, tenant_id: TenantId, *, days: int, now: datetime
) -> list[tuple[date, Usage]]:
    """The tenant's usage on each of the last days, today's last."""
    today = day_of(now)
    asked = [today - timedelta(days=ago) for ago in reversed(range(days))]
    used = await _used_since(session, tenant_id, asked[0])
    return [(day, used.get(day, Usage())) for day in asked]


async def _used_since(session: AsyncSession, tenant_id: TenantId, since: date) -> dict[date, Usage]:
    return {
        row.day: Usage(row.notes_count, row.size_bytes, row.duration_ms)
        for row in await queries.list_usage(session, tenant_id, since=since)
    }
