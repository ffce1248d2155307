"""For those who run the server: is it alive, is it ready, what does it do."""

import asyncio
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, PlainTextResponse

from vocafuse_server.core.logging import get_logger
from vocafuse_server.core.metrics import CONTENT_TYPE
from vocafuse_server.core.queue import any_live_worker
from vocafuse_server.core.settings import Settings
from vocafuse_server.dialects.context import AppContext, Context
from vocafuse_server.dialects.request_log import METRICS_PATH

log = get_logger(__name__)
router = APIRouter(tags=["operations"])
# Whoever asks whether all is well waits no longer than this for each part.
_CHECK_S = 5.0

# What a proxy adds to a request of somebody else, and a browser to one of another site's page.
_SENT_FOR_OTHERS = ("forwarded", "via", "x-forwarded-for", "x-real-ip", "origin")


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process is alive."""
    return {"status": "ok"}


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", responses={503: {"description": "Something isn't ready; says what"}})
async def readyz(context: Context) -> JSONResponse:
    """Database, storage and model are there: notes that are sent now get transcribed."""
    checks: dict[str, Callable[[AppContext], Awaitable[None]]] = {
        "database": _check_database,
        "storage": _check_storage,
        "model": _check_model,
    }
    states = {name: await _state(name, check, context) for name, check in checks.items()}
    ready = all(state == "ok" for state in states.values())
    content = {"status": "ready" if ready else "not ready", **states}
    return JSONResponse(content, status_code=200 if ready else 503)


@router.get(
    METRICS_PATH,
    response_class=PlainTextResponse,
    responses={404: {"description": "The settings don't let this caller read them"}},
)
async def metrics(request: Request, context: Context) -> PlainTextResponse:
    """What the server does, in Prometheus's text format; for callers on this machine unless it is opened."""
    if not _may_read_metrics(request, context.settings):
        raise HTTPException(404)
    text = context.metrics.render(await context.figures.read())
    return PlainTextResponse(text, media_type=CONTENT_TYPE)


def _may_read_metrics(request: Request, settings: Settings) -> bool:
    if settings.metrics != "local":
        return settings.metrics == "all"
    if request.client is None or any(name in request.headers for name in _SENT_FOR_OTHERS):
        return False
    # Under another name than this machine's, a browser asks for a page that had its name mean this address.
    named = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    return _is_loopback(request.client.host) and (named == "localhost" or _is_loopback(named))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


async def _state(name: str, check: Callable[[AppContext], Awaitable[None]], context: AppContext) -> str:
    try:
        async with asyncio.timeout(_CHECK_S):
            await check(context)
    except Exception:  # A request's edge: whatever ails it, it isn't ready.
        log.warning("not ready", part=name, exc_info=True)
        return "unavailable"
    return "ok"


async def _check_database(context: AppContext) -> None:
    await context.database.ping()


async def _check_storage(context: AppContext) -> None:
    await context.objects.ping()


async def _check_model(context: AppContext) -> None:
    async with context.database.transaction() as session:
        if not await any_live_worker(session):
            raise RuntimeError("no worker is there to transcribe")
