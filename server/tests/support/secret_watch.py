"""Watches a whole session of tests: no secret that anybody was given or sent may be in any log.

Secrets are taken from what goes over the tests' own HTTP clients: credentials in requests, and what answers
show once. Logs are those of the test process, and every file `*.log` below the session's folder, where the
servers that tests start have theirs, and their databases. Besides, nothing in a log may look like a secret.
"""

import json
import logging
import re
from collections.abc import Generator, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, cast
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
import structlog

# The guesses of tests are ordinary words, or one letter many times.
_MIN_LENGTH = 20
_MIN_LETTERS = 10
_HEAD = 12
_FIELDS = frozenset({"api_secret", "secret", "token", "jwt_token", "id_token", "presigned_url"})
_LOOKS_SECRET = re.compile(
    r"whsec_[A-Za-z0-9+/]{20,}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}"
    r"|signature=[0-9a-f]{64}"
    r"|sha256=[0-9a-f]{64}"
    r"|api_secret['\"]?\s*[:=]\s*['\"]?[A-Za-z0-9_-]{20,}"
)


@dataclass
class SecretWatch:
    """The secrets that were seen, by how they begin."""

    _secrets: dict[str, set[str]] = field(default_factory=dict[str, set[str]], repr=False)

    def note(self, secret: str) -> None:
        if len(secret) >= _MIN_LENGTH and len({*secret}) >= _MIN_LETTERS:
            self._secrets.setdefault(secret[:_HEAD], set()).add(secret)

    def note_request(self, request: httpx2.Request) -> None:
        bearer = request.headers.get("Authorization", "").partition(" ")[2]
        for secret in (request.headers.get("X-VocaFuse-API-Secret", ""), bearer, bearer.partition(":")[2]):
            self.note(secret)
        self._note_signature(str(request.url))

    def note_response(self, response: httpx2.Response) -> None:
        if response.is_closed and "json" in response.headers.get("content-type", "") and response.content:
            self._note_fields(json.loads(response.content))

    def leaks_in(self, log: Path) -> list[str]:
        """The lines with a secret in them, up to where it begins."""
        lines = enumerate(log.read_text(errors="replace").splitlines(), start=1)
        return [f"{log.name}:{number}: {found}" for number, line in lines for found in self._found_in(line)]

    def _found_in(self, line: str) -> Iterator[str]:
        if match := _LOOKS_SECRET.search(line):
            yield f"looks like a secret: {line[: match.start()][-80:]}{match.group()[:_HEAD]}…"
        for at in range(len(line) - _MIN_LENGTH + 1):
            known = self._secrets.get(line[at : at + _HEAD], ())
            if any(line.startswith(secret, at) for secret in known):
                yield f"is a secret: {line[:at][-80:]}{line[at : at + 4]}…"

    def _note_fields(self, value: object) -> None:
        if isinstance(value, list):
            for part in cast("list[object]", value):
                self._note_fields(part)
        if isinstance(value, Mapping):
            for name, part in cast("Mapping[str, object]", value).items():
                if name in _FIELDS and isinstance(part, str):
                    self.note(part)
                    self._note_signature(part)
                self._note_fields(part)

    def _note_signature(self, url: str) -> None:
        for signature in parse_qs(urlsplit(url).query).get("signature", []):
            self.note(signature)


@contextmanager
def watching(folder: Path) -> Generator[None]:
    """Note every secret and keep every log while the block runs; fail if they met."""
    watch = SecretWatch()
    with (folder / "session.log").open("a") as file, _noting(watch), _logging_to(file):
        yield
    leaks = [leak for log in sorted(folder.rglob("*.log")) for leak in watch.leaks_in(log)]
    assert not leaks, "secrets in logs:\n" + "\n".join(leaks[:50])


@contextmanager
def _noting(watch: SecretWatch) -> Generator[None]:
    """See what every HTTP client of the process sends and gets."""
    sync_send, async_send = httpx2.Client.send, httpx2.AsyncClient.send

    def send(client: httpx2.Client, request: httpx2.Request, **options: Any) -> httpx2.Response:
        watch.note_request(request)
        response = sync_send(client, request, **options)
        watch.note_response(response)
        return response

    async def send_async(
        client: httpx2.AsyncClient, request: httpx2.Request, **options: Any
    ) -> httpx2.Response:
        watch.note_request(request)
        response = await async_send(client, request, **options)
        watch.note_response(response)
        return response

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx2.Client, "send", send)
        patch.setattr(httpx2.AsyncClient, "send", send_async)
        yield


@contextmanager
def _logging_to(file: TextIO) -> Generator[None]:
    """Keep what the process logs, beside where it goes otherwise."""

    def copy(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        whole = structlog.processors.format_exc_info(logger, method, {**event})
        file.write(json.dumps(whole, default=repr) + "\n")
        file.flush()
        return event

    handler, root, before = logging.StreamHandler(file), logging.getLogger(), structlog.get_config()
    root.addHandler(handler)
    structlog.configure(processors=[*before["processors"][:-1], copy, before["processors"][-1]])
    yield
    structlog.configure(**before)
    root.removeHandler(handler)
