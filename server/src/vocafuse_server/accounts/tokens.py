"""Front-end tokens: short-lived JWTs that speak for one user of one tenant."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import jwt

from vocafuse_server.accounts.errors import InvalidToken, TokenExpired
from vocafuse_server.accounts.scopes import TokenScope
from vocafuse_server.core.ids import TenantId
from vocafuse_server.core.keys import Key, KeyRing
from vocafuse_server.core.token_issuers import OWN_ISSUER

_ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a token says; without a tenant it means the default one."""

    tenant_id: TenantId | None
    identity: str
    scopes: tuple[TokenScope, ...]


class TokenSigner:
    """Makes tokens with the newest key, whose id they carry, and checks those of all."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

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
        key = self._ring.good_keys()[0]
        return jwt.encode(payload, key.secret, algorithm=_ALGORITHM, headers={"kid": key.id})

    def verify(self, token: str) -> TokenClaims:
        """What a token says, once its signature and its times are checked.

        Raises:
            TokenExpired: It was good once.
            InvalidToken: It was never ours, or it is malformed.
        """
        try:
            payload = jwt.decode(
                token,
                self._key_of(token).secret,
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

    def _key_of(self, token: str) -> Key:
        """The key that a token names.

        Raises:
            InvalidToken: It isn't ours, or no longer good.
        """
        keys, named = self._ring.good_keys(), jwt.get_unverified_header(token).get("kid")
        if named is None:  # From before keys had ids, when there was only one.
            return keys[-1]
        for key in keys:
            if key.id == named:
                return key
        raise InvalidToken
