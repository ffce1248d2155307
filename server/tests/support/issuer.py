"""An issuer of tokens with keys of its own, which a test's site publishes."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from support.web import Site, response
from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.token_issuers import TokenIssuer

NAME = "https://login.test/"
AUDIENCE = "voice-notes"
JWKS_PATH = "/jwks.json"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def new_key(algorithm: str) -> PrivateKey:
    """A key for an algorithm, as small as it allows."""
    curves = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm in curves:
        return ec.generate_private_key(curves[algorithm])
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_jwk(key: PrivateKey, algorithm: str, **members: object) -> dict[str, Any]:
    """The public half as a JSON Web Key."""
    found: dict[str, Any] = json.loads(jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key()))
    return {**found, **members}


def claims(**changes: object) -> dict[str, Any]:
    """What a good token says; a change to None leaves the claim out."""
    now = utc_now()
    good = {"iss": NAME, "aud": AUDIENCE, "sub": "user-1", "exp": now + timedelta(minutes=5)}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


@dataclass
class Issuer:
    """Signs, and publishes its public keys on a site."""

    site: Site
    keys: dict[str, tuple[PrivateKey, str]] = field(default_factory=dict)

    def add_key(self, kid: str, algorithm: str = "ES256") -> None:
        """Make another key and publish it beside the others."""
        self.keys[kid] = (new_key(algorithm), algorithm)
        self.publish()

    def publish(self, *others: object) -> None:
        """Put all keys, and others given, on the site."""
        own = [public_jwk(key, algorithm, kid=kid) for kid, (key, algorithm) in self.keys.items()]
        self.site.answers[JWKS_PATH] = response(json.dumps({"keys": [*own, *others]}).encode())

    def times_read(self) -> int:
        """How often somebody read the keys."""
        return len(self.site.asked)

    def token(self, kid: str, *, headers: dict[str, Any] | None = None, **changes: object) -> str:
        """A token signed with one of the keys."""
        key, algorithm = self.keys[kid]
        return jwt.encode(claims(**changes), key, algorithm, headers={"kid": kid, **(headers or {})})

    def described(self, **more: Any) -> TokenIssuer:
        """How an operator would describe it."""
        return TokenIssuer.model_validate(
            {"issuer": NAME, "audience": AUDIENCE, "jwks_url": self.site.url(JWKS_PATH), **more}
        )
