"""The caller of a request: which tenant, which user, allowed to do what."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from vocafuse_server.accounts.errors import InsufficientScope
from vocafuse_server.accounts.models import Plan
from vocafuse_server.accounts.scopes import GRANTED_BY, Scope, TokenScope
from vocafuse_server.accounts.tokens import TokenClaims
from vocafuse_server.core.ids import ApiKeyId, TenantId


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        tenant_id: Whose data it is.
        identity: The user a token speaks for, and whose notes alone it sees; None for a key pair,
            which sees the whole tenant.
        scopes: What the caller may do.
        plan: What the tenant pays for; says how often it may ask.
        key_id: The API key it came with; None for a token.
    """

    tenant_id: TenantId
    identity: str | None
    scopes: frozenset[Scope]
    plan: Plan
    key_id: ApiKeyId | None = None

    def require(self, scope: Scope) -> None:
        """Raises InsufficientScope unless the caller holds `scope`."""
        if scope not in self.scopes:
            raise InsufficientScope(details={"required_scope": self._name(scope)})

    def require_key_pair(self) -> None:
        """Raises InsufficientScope if the caller came with a token."""
        if self.identity is not None:
            raise InsufficientScope("This takes an API key and secret, not an access token.")

    def _name(self, scope: Scope) -> str:
        if self.identity is not None:
            for token_scope, granted in GRANTED_BY.items():
                if granted is scope:
                    return token_scope.value
        return scope.value


class KnownKey(Protocol):
    """What is known of a key that has proved to be good, by its secret or by a session."""

    @property
    def id(self) -> ApiKeyId: ...
    @property
    def tenant_id(self) -> TenantId: ...
    @property
    def scopes(self) -> Sequence[str]: ...
    @property
    def plan(self) -> Plan: ...


def key_caller(key: KnownKey) -> Caller:
    """The caller that a key stands for: its whole tenant, with all that the key may do."""
    return Caller(
        tenant_id=key.tenant_id,
        identity=None,
        scopes=frozenset(Scope(scope) for scope in key.scopes),
        plan=key.plan,
        key_id=key.id,
    )


def token_caller(claims: TokenClaims, tenant_id: TenantId, plan: Plan) -> Caller:
    """The caller that a verified token of this tenant, which is on this plan, stands for."""
    return Caller(
        tenant_id=tenant_id,
        identity=claims.identity,
        scopes=frozenset(GRANTED_BY[scope] for scope in claims.scopes),
        plan=plan,
    )


def missing_for(caller: Caller, scopes: tuple[TokenScope, ...]) -> tuple[TokenScope, ...]:
    """The token scopes that this caller can't hand on, because it doesn't hold them itself."""
    return tuple(scope for scope in scopes if GRANTED_BY[scope] not in caller.scopes)
