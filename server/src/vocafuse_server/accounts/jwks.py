"""The public keys of an external issuer (RFC 7517), read from its URL and kept for a while."""

import asyncio
import json
import time
from collections.abc import Callable, Collection, Iterator
from typing import cast

import httpx2
import jwt

from vocafuse_server.accounts.errors import KeysUnavailable
from vocafuse_server.core.logging import get_logger

log = get_logger(__name__)

FRESH_S = 600.0
# How long keys that can't be read anew go on: an issuer that is down should not shut out its users.
STALE_S = 24 * 3600.0
# Whoever sends invented key ids causes no more calls than this.
MIN_INTERVAL_S = 10.0
TIMEOUT_S = 5.0
MAX_BYTES = 256 * 1024

# Of a key, what is public; what else a careless issuer publishes is not even looked at.
_PUBLIC_MEMBERS = ("kty", "crv", "n", "e", "x", "y")
_KINDS: dict[str, tuple[str, tuple[str | None, ...]]] = {
    **{f"{family}{bits}": ("RSA", (None,)) for family in ("RS", "PS") for bits in (256, 384, 512)},
    "ES256": ("EC", ("P-256",)),
    "ES384": ("EC", ("P-384",)),
    "ES512": ("EC", ("P-521",)),
    "EdDSA": ("OKP", ("Ed25519", "Ed448")),
}


class _Unreadable(Exception):
    """The keys can't be read now; the message says why, for the log."""


class KeySet:
    """The keys behind a URL that the operator trusts.

    Args:
        url: Where they are.
        algorithms: What they may be used for.
        monotonic: Seconds that only ever grow.
    """

    def __init__(
        self, url: str, *, algorithms: Collection[str], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = url
        self._algorithms = frozenset(algorithms)
        self._monotonic = monotonic
        self._keys: list[tuple[str | None, jwt.PyJWK]] = []
        self._read_at = self._tried_at = float("-inf")
        self._reading = asyncio.Lock()
        self._client = httpx2.AsyncClient(
            timeout=None,  # `_fetch` has a limit for the whole.
            follow_redirects=False,
            trust_env=False,
        )

    async def find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """The one key with this id for this algorithm; without an id, the only one for the algorithm.

        An unknown id may be a new one, so the keys are then read anew, though not more often than
        every MIN_INTERVAL_S.

        Raises:
            KeysUnavailable: They could not be read for too long.
        """
        is_old = self._age_s() > FRESH_S
        # While somebody else reads, those that are there will do.
        if is_old and not (self._keys and self._reading.locked()):
            await self._read()
        found = self._match(kid, algorithm)
        if found is None:
            await self._read()
            found = self._match(kid, algorithm)
        if self._age_s() > STALE_S:
            raise KeysUnavailable
        return found

    async def close(self) -> None:
        await self._client.aclose()

    def _age_s(self) -> float:
        return self._monotonic() - self._read_at

    def _match(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        found = [
            key
            for key_id, key in self._keys
            if key.algorithm_name == algorithm and (kid is None or kid == key_id)
        ]
        return found[0] if len(found) == 1 else None

    async def _read(self) -> None:
        async with self._reading:
            if self._monotonic() - self._tried_at < MIN_INTERVAL_S:
                return
            self._tried_at = self._monotonic()
            try:
                self._keys = list(_usable(await self._fetch(), self._algorithms))
            except _Unreadable as error:
                log.warning("token issuer's keys not readable", url=self._url, reason=str(error))
            else:
                self._read_at = self._tried_at

    async def _fetch(self) -> list[object]:
        """The members of the set as they are, good or not."""
        body = b""
        try:
            async with asyncio.timeout(TIMEOUT_S), self._client.stream("GET", self._url) as response:
                if response.status_code != 200:
                    raise _Unreadable(f"answered {response.status_code}")
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_BYTES:
                        raise _Unreadable(f"more than {MAX_BYTES} bytes")
            found = cast("dict[str, list[object]]", json.loads(body))
            return list(found["keys"])
        except TimeoutError as error:
            raise _Unreadable(f"no answer within {TIMEOUT_S:g} s") from error
        except httpx2.RequestError as error:
            raise _Unreadable(str(error) or type(error).__name__) from error
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise _Unreadable("no JSON Web Key Set") from error


def _usable(members: list[object], algorithms: Collection[str]) -> Iterator[tuple[str | None, jwt.PyJWK]]:
    """Each key once for every algorithm that it may be used with; what isn't understood is left out."""
    for member in members:
        if not isinstance(member, dict):
            continue
        data = cast("dict[str, object]", member)
        kid = data.get("kid")
        if data.get("use", "sig") != "sig" or not isinstance(kid, str | None):
            continue
        public = {name: data[name] for name in _PUBLIC_MEMBERS if name in data}
        for algorithm in sorted(algorithms):
            kind, curves = _KINDS[algorithm]
            fits = data.get("kty") == kind and data.get("crv") in curves
            if fits and data.get("alg", algorithm) == algorithm:
                try:
                    yield kid, jwt.PyJWK(public, algorithm)
                except jwt.PyJWTError:
                    continue
