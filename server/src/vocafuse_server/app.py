"""The app of the API process: its routes, what is around them, and how errors are answered."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, cast

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Scope

from vocafuse_server import __version__
from vocafuse_server.core.clock import Clock, utc_now
from vocafuse_server.core.errors import ApiError
from vocafuse_server.core.metrics import Metrics
from vocafuse_server.core.settings import Settings
from vocafuse_server.core.tracing import Tracer, open_tracer
from vocafuse_server.dialects import documentation, operations
from vocafuse_server.dialects.authentication import API_KEY_HEADER, API_SECRET_HEADER
from vocafuse_server.dialects.console import console_router
from vocafuse_server.dialects.cors import OpenCors
from vocafuse_server.dialects.examples import declare_examples
from vocafuse_server.dialects.idempotency import REPLAYED_HEADER, replay
from vocafuse_server.dialects.openai import errors as openai_errors
from vocafuse_server.dialects.openai import models, transcriptions
from vocafuse_server.dialects.opening import opened_context
from vocafuse_server.dialects.rate_limit_headers import RATE_LIMIT_HEADERS, UNLIMITED, RateLimitHeaders
from vocafuse_server.dialects.recorder import recorder_router
from vocafuse_server.dialects.request_log import CrashAnswer, RequestLog
from vocafuse_server.dialects.responses import declare_headers, drop_null
from vocafuse_server.dialects.security_headers import SecurityHeaders
from vocafuse_server.dialects.v1 import (
    account,
    api_keys,
    deliveries,
    errors,
    events,
    notes,
    tokens,
    uploads,
    webhooks,
)
from vocafuse_server.dialects.v1.vocabulary import RECORDINGS, VOICENOTES
from vocafuse_server.dialects.v2 import errors as v2_errors
from vocafuse_server.dialects.v2 import notes as voice_notes
from vocafuse_server.idempotency.errors import AnsweredBefore

SECURITY_SCHEMES = {
    "apiKey": {"type": "apiKey", "in": "header", "name": API_KEY_HEADER},
    "apiSecret": {"type": "apiKey", "in": "header", "name": API_SECRET_HEADER},
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
}
# What takes no credentials, or has its own in the URL.
UNAUTHENTICATED = ("/v1/uploads/{note_id}", "/healthz", "/readyz", "/metrics")


class Api(FastAPI):
    """FastAPI, but for the answers to requests it can't read: those have this API's own shape."""

    def openapi(self) -> dict[str, Any]:
        """The API's description, without the 422 that FastAPI announces and this API never sends."""
        if self.openapi_schema is None:
            schema = super().openapi()
            for operations in schema["paths"].values():
                for operation in operations.values():
                    operation["responses"].pop("422", None)
                    drop_null(operation.get("parameters", []))
            for name in ("HTTPValidationError", "ValidationError"):
                schema["components"]["schemas"].pop(name, None)
            schema["components"]["securitySchemes"] = SECURITY_SCHEMES
            declare_headers(schema, unlimited=UNLIMITED)
            declare_examples(schema, dialect_of)
            schema["security"] = [{"apiKey": [], "apiSecret": []}, {"bearer": []}]
            for path in UNAUTHENTICATED:
                for operation in schema["paths"][path].values():
                    operation["security"] = []
        return super().openapi()


def create_app(settings: Settings, database_url: str, *, clock: Clock = utc_now) -> FastAPI:
    """The app that answers requests; it opens what it needs when it starts and closes it when it stops."""
    metrics = Metrics()
    tracer = open_tracer(settings, "vocafuse-api")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        try:
            async with opened_context(settings, database_url, metrics, clock) as context:
                app.state.context = context
                yield
        finally:
            if tracer is not None:
                await asyncio.to_thread(tracer.close)

    app = Api(
        title="VocaFuse server",
        version=__version__,
        summary="Voice notes: upload audio, get a transcript and a signed webhook.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.router.routes.extend(_routes())
    for kind in (ApiError, HTTPException, RequestValidationError, ClientDisconnect):
        app.add_exception_handler(kind, _render)
    app.add_exception_handler(AnsweredBefore, _replay)
    _wrap(app, settings, metrics, tracer)
    return app


def _wrap(app: FastAPI, settings: Settings, metrics: Metrics, tracer: Tracer | None) -> None:
    """Add what is around all routes; the later one is the outer one."""
    app.add_middleware(CrashAnswer, respond=respond)
    app.add_middleware(
        OpenCors,
        allow_origins=settings.cors_origins,
        allow_methods=["*"],
        allow_headers=["*"],
        allow_private_network=True,  # Where a server that people run themselves most often is.
        expose_headers=["X-Request-Id", "Retry-After", REPLAYED_HEADER, *RATE_LIMIT_HEADERS],
    )
    app.add_middleware(RateLimitHeaders, respond=respond)
    app.add_middleware(
        RequestLog, metrics=metrics, security_headers=SecurityHeaders(settings.public_url), tracer=tracer
    )


@cache
def _routes() -> list[BaseRoute]:
    """All routes. They hold nothing of an app's, and are half of what making one costs."""
    router = APIRouter()
    # Each router that comes before costs every request some time, so the one that is asked most comes first.
    for vocabulary in (VOICENOTES, RECORDINGS):
        router.include_router(notes.notes_router(vocabulary))
    for part in (
        *(tokens.router, uploads.router, uploads.signed_router, events.router),
        *(webhooks.router, deliveries.router, account.router, api_keys.router, operations.router),
        *(voice_notes.router, transcriptions.router, models.router),
        *(documentation.docs_router(), recorder_router(), console_router()),
    ):
        router.include_router(part)
    return router.routes


async def _render(request: Request, error: Exception) -> Response:
    return _answer(request, error)


def dialect_of(path: str) -> str:
    """The name of the dialect that a path is in, known or not."""
    for name, dialect in (("v2", v2_errors), ("openai", openai_errors)):
        if dialect.speaks(path):
            return name
    return "v1"


def _answer(request: Request, error: Exception) -> Response:
    """The answer to an error, in the dialect of what was asked."""
    render = {"v1": errors.render, "v2": v2_errors.render, "openai": openai_errors.render}
    return render[dialect_of(request.scope["path"])](request, error)


async def _replay(request: Request, error: Exception) -> Response:
    return replay(cast("AnsweredBefore", error))


def respond(scope: Scope, error: ApiError) -> Response:
    """The answer to an error that comes before or after any route."""
    return _answer(Request(scope), error)
