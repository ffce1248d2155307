"""SQL of one page of webhooks or deliveries."""

from typing import TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.pages import Page, PageRequest
from vocafuse_server.webhooks.models import Delivery, Webhook

Row = TypeVar("Row", Webhook, Delivery)


async def fetch_page(session: AsyncSession, matching: Select[Row], page: PageRequest) -> Page[Row]:
    """A page of what is selected, in its order, and how many rows there are in all."""
    total = await session.scalar(select(func.count()).select_from(matching.order_by(None).subquery()))
    rows = await session.scalars(matching.offset(page.offset).limit(page.limit))
    return Page(rows.all(), page, total or 0)
