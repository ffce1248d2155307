"""For those who run the server: is it alive, is it ready."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from vocafuse_server.core.logging import get_logger
from vocafuse_server.core.queue import any_live_worker
from vocafuse_server.dialects.context import AppContext, Context

log = get_logger(__name__)
router = APIRouter(tags=["operations"])


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


async def _state(name: str, check: Callable[[AppContext], Awaitable[None]], context: AppContext) -> str:
    try:
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
