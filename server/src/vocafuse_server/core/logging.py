"""Structured logs: one event a line, for people on a terminal and as JSON elsewhere.

What is known of the request or job at hand (`request_id`, `tenant_id`, `note_id`) is bound with
`structlog.contextvars` and stands on every line written while it runs.
"""

import json
import logging
import sys

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from vocafuse_server.core.settings import Settings

# Libraries whose own INFO lines would drown ours.
_QUIET = ("httpx2", "httpcore2", "procrastinate", "uvicorn", "alembic", "faster_whisper")
# What a person who watches can do without; the JSON form has it all.
_NOT_FOR_PEOPLE = ("request_id", "tenant_id")


def configure_logging(settings: Settings) -> None:
    """Send all logs to standard error in one form; ours at once, the libraries' by way of `logging`."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso" if as_json else "%H:%M:%S", utc=as_json),
    ]
    render: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_json)]
        if as_json
        else [
            _for_people,
            _in_one_line,
            structlog.dev.ConsoleRenderer(
                pad_event_to=0,
                pad_level=False,
                colors=sys.stderr.isatty(),
                # The default one shows local variables, and those can be secrets.
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ]
    )
    structlog.configure(
        processors=[*shared, *render],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(allow=())],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


# Made once: `json.dumps` makes one for every line that it is told a default for.
_ENCODER = json.JSONEncoder(default=repr)


def _json(event: EventDict, **_: object) -> str:
    return _ENCODER.encode(event)


def _for_people(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Say the two things that happen all the time in a line that is read at a glance."""
    if event.get("level") in {"debug", "info"}:
        for name in _NOT_FOR_PEOPLE:
            event.pop(name, None)
    if event["event"] == "request":
        line = "{method} {path} {status} in {duration_ms:.0f} ms".format_map(event)
        return {"timestamp": event["timestamp"], "level": event["level"], "event": line}
    if event["event"] == "note transcribed":
        line = "note {note_id}: {duration_s} s transcribed in {transcribe_ms:.0f} ms".format_map(event)
        return {"timestamp": event["timestamp"], "level": event["level"], "event": line}
    return event


def _in_one_line(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Escape what would begin another line or command a terminal; of the fields the renderer does so."""
    text = str(event["event"])
    if not text.isprintable():
        event["event"] = "".join(
            character if character.isprintable() else character.encode("unicode_escape").decode()
            for character in text
        )
    return event


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger for one module."""
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger
