"""How an operator describes those whose tokens are accepted besides our own."""

from typing import Annotated, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

OWN_ISSUER = "vocafuse"
MIN_SECRET_BYTES = 32  # RFC 7518, 3.2: as long as the hash.

PublicKeyAlgorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]
PUBLIC_KEY_ALGORITHMS: tuple[PublicKeyAlgorithm, ...] = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"),
)


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class TokenIssuer(BaseModel):
    """Somebody whose tokens are accepted.

    Attributes:
        issuer: Its name, the tokens' `iss`.
        audience: Of these names at least one must be in the tokens' `aud`.
        jwks_url: Where its public keys are. Either this or `secret`.
        secret: What it signs with, by HS256.
        algorithms: What it signs with, by its public keys.
        tenant_claim: The claim that holds a tenant's id; the tokens then speak for whatever tenant it names.
        tenant_id: The tenant of all its users, where no claim says; None: the default one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(min_length=1)
    audience: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_as_list)] = Field(
        min_length=1
    )
    jwks_url: str | None = None
    secret: SecretStr | None = None
    algorithms: tuple[PublicKeyAlgorithm, ...] = Field(default=PUBLIC_KEY_ALGORITHMS, min_length=1)
    tenant_claim: str | None = Field(default=None, min_length=1)
    tenant_id: UUID | None = None

    @field_validator("issuer")
    @classmethod
    def _is_another(cls, value: str) -> str:
        if value == OWN_ISSUER:
            raise ValueError(f"must not be {OWN_ISSUER}, which is this server's own name")
        return value

    @field_validator("jwks_url")
    @classmethod
    def _is_http_url(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                raise ValueError("must be a URL like https://issuer.example.com/.well-known/jwks.json")
        return value

    @field_validator("secret")
    @classmethod
    def _is_a_strong_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            if len(value.get_secret_value().encode()) < MIN_SECRET_BYTES:
                raise ValueError(f"must have at least {MIN_SECRET_BYTES} bytes")
            if "-----BEGIN " in value.get_secret_value():
                raise ValueError("must be a shared secret, not a key in PEM")
        return value

    @model_validator(mode="after")
    def _is_unambiguous(self) -> "TokenIssuer":
        if (self.jwks_url is None) == (self.secret is None):
            raise ValueError("needs a jwks_url or a secret, and not both")
        if self.secret is not None and "algorithms" in self.model_fields_set:
            raise ValueError("algorithms are for a jwks_url; a secret takes HS256 only")
        if self.tenant_claim is not None and self.tenant_id is not None:
            raise ValueError("tenant_claim and tenant_id exclude each other")
        return self
