"""Front-end tokens: short-lived JWTs that speak for one user of one tenant."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import jwt

from vocafuse_server.accounts.errors import InvalidToken, TokenExpired
from vocafuse_server.accounts.scopes import TokenScope
from vocafuse_server.core.ids import TenantId
from vocafuse_server.core.token_issuers import OWN_ISSUER

_ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a token says; without a tenant it means the default one."""

    tenant_id: TenantId | None
    identity: str
    scopes: tuple[TokenScope, ...]


class TokenSigner:
    """Makes and checks tokens with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, claims: TokenClaims, *, now: datetime, lifetime: timedelta) -> str:
        """A signed token that is good for `lifetime` from `now`."""
        payload = {
            "iss": OWN_ISSUER,
            "sub": claims.identity,
            "tenant_id": str(claims.tenant_id),
            "scopes": [scope.value for scope in claims.scopes],
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
            "jti": uuid4().hex,
        }
        return jwt.encode(payload, self._key, algorithm=_ALGORITHM)

    def verify(self, token: str) -> TokenClaims:
        """What a token says, once its signature and its times are checked.

        Raises:
            TokenExpired: It was good once.
            InvalidToken: It was never ours, or it is malformed.
        """
        try:
            payload = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                issuer=OWN_ISSUER,
                options={"require": ["exp", "iat", "sub", "tenant_id", "scopes"]},
            )
            return TokenClaims(
                tenant_id=TenantId(UUID(payload["tenant_id"])),
                identity=payload["sub"],
                scopes=tuple(TokenScope(scope) for scope in payload["scopes"]),
            )
        except jwt.ExpiredSignatureError as error:
            raise TokenExpired from error
        except (jwt.InvalidTokenError, ValueError, TypeError) as error:
            raise InvalidToken from error
