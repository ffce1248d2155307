"""Tokens of external issuers: who may speak for users besides our own token endpoint."""

import time
from collections.abc import Callable, Sequence
from typing import cast
from uuid import UUID

import jwt

from vocafuse_server.accounts.errors import InvalidToken, TokenExpired
from vocafuse_server.accounts.jwks import KeySet
from vocafuse_server.accounts.scopes import TOKEN_SCOPES
from vocafuse_server.accounts.tokens import TokenClaims
from vocafuse_server.core.ids import TenantId
from vocafuse_server.core.logging import get_logger
from vocafuse_server.core.token_issuers import TokenIssuer

log = get_logger(__name__)

LEEWAY_S = 30
MAX_IDENTITY_LENGTH = 255
_SECRET_ALGORITHM = "HS256"  # noqa: S105 - its name


class ExternalIssuers:
    """Those whose tokens the operator accepts.

    Args:
        described: As in the settings; each with a name of its own.
        monotonic: Seconds that only ever grow, for how long keys are kept.
    """

    def __init__(
        self, described: Sequence[TokenIssuer], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuers = {one.issuer: _Issuer(one, monotonic) for one in described}

    def claims_one(self, token: str) -> bool:
        """Whether the token says that it is from one of these. It may lie."""
        return self._find(token) is not None

    async def verify(self, token: str) -> TokenClaims:
        """What a token says, once its signature, audience and times are checked.

        May ask the issuer for its keys, so no transaction should be open meanwhile.

        Raises:
            TokenExpired: It was good once.
            InvalidToken: It is of none of these issuers, not for us, or malformed.
            KeysUnavailable: The issuer's keys can't be read, so nobody knows.
        """
        issuer = self._find(token)
        if issuer is None:
            raise InvalidToken
        return await issuer.verify(token)

    async def close(self) -> None:
        for issuer in self._issuers.values():
            await issuer.close()

    def _find(self, token: str) -> "_Issuer | None":
        try:
            name = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except (jwt.InvalidTokenError, ValueError):
            return None
        return self._issuers.get(name) if isinstance(name, str) else None


class _Issuer:
    """One of them."""

    def __init__(self, described: TokenIssuer, monotonic: Callable[[], float]) -> None:
        self._described = described
        self._secret = described.secret.get_secret_value().encode() if described.secret else b""
        self._keys = (
            KeySet(described.jwks_url, algorithms=described.algorithms, monotonic=monotonic)
            if described.jwks_url
            else None
        )

    async def verify(self, token: str) -> TokenClaims:
        """See `ExternalIssuers.verify`."""
        try:
            header = jwt.get_unverified_header(token)
            if "crit" in header:
                raise jwt.InvalidTokenError("an extension that must be understood")
            key, algorithm = await self._key(header)
            return self._claims(self._decode(token, key, algorithm))
        except jwt.ExpiredSignatureError as error:
            raise TokenExpired from error
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            log.info("external token refused", issuer=self._described.issuer, reason=str(error))
            raise InvalidToken from error

    async def close(self) -> None:
        if self._keys:
            await self._keys.close()

    async def _key(self, header: dict[str, object]) -> tuple[jwt.PyJWK | bytes, str]:
        """What the token must be signed with, and how. The header only chooses among what is allowed."""
        if self._keys is None:
            return self._secret, _SECRET_ALGORITHM
        kid, algorithm = header.get("kid"), header.get("alg")
        if not isinstance(kid, str | None) or not isinstance(algorithm, str):
            raise jwt.InvalidTokenError("no text where a key or an algorithm is named")
        if algorithm not in self._described.algorithms:
            raise jwt.InvalidAlgorithmError("another algorithm than allowed")
        key = await self._keys.find(kid, algorithm)
        if key is None:
            raise jwt.InvalidKeyError("no such key")
        return key, algorithm

    def _decode(self, token: str, key: jwt.PyJWK | bytes, algorithm: str) -> dict[str, object]:
        return jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=self._described.issuer,
            audience=self._described.audience,
            leeway=LEEWAY_S,
            options={"require": ["iss", "aud", "exp", "sub"], "enforce_minimum_key_length": True},
        )

    def _claims(self, payload: dict[str, object]) -> TokenClaims:
        identity = cast("str", payload["sub"])
        if not (0 < len(identity) <= MAX_IDENTITY_LENGTH and identity.isprintable()):
            raise ValueError(f"the sub is not 1 to {MAX_IDENTITY_LENGTH} printable characters")
        tenant_id = self._described.tenant_id
        if self._described.tenant_claim is not None:
            named = payload.get(self._described.tenant_claim)
            if not isinstance(named, str):
                raise ValueError("no tenant where one should be named")
            tenant_id = UUID(named)
        return TokenClaims(
            tenant_id=None if tenant_id is None else TenantId(tenant_id),
            identity=identity,
            scopes=TOKEN_SCOPES,
        )
