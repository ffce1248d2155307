"""Tokens of external issuers: real keys, a real server with the public ones, and forgeries."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from support.issuer import AUDIENCE, JWKS_PATH, NAME, Issuer, claims, new_key, public_jwk
from support.web import response, serving

from vocafuse_server.accounts import jwks
from vocafuse_server.accounts.errors import InvalidToken, KeysUnavailable, TokenExpired
from vocafuse_server.accounts.issuers import ExternalIssuers
from vocafuse_server.accounts.scopes import TokenScope
from vocafuse_server.accounts.tokens import TokenClaims
from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.token_issuers import PUBLIC_KEY_ALGORITHMS, TokenIssuer

BOTH_SCOPES = (TokenScope.UPLOAD, TokenScope.READ)
SECRET = "a secret that is shared with the issuer"


@dataclass
class Seconds:
    """Monotonic seconds that pass when a test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
async def issuers(issuer: Issuer, seconds: Seconds) -> AsyncIterator[ExternalIssuers]:
    issuers = ExternalIssuers([issuer.described()], monotonic=seconds)
    yield issuers
    await issuers.close()


def shared(**more: Any) -> ExternalIssuers:
    """One issuer with a shared secret."""
    described = {"issuer": NAME, "audience": AUDIENCE, "secret": SECRET, **more}
    return ExternalIssuers([TokenIssuer.model_validate(described)])


def forged(header: dict[str, Any], payload: dict[str, Any], signature: bytes = b"") -> str:
    """A token put together by hand."""
    parts = [
        json.dumps(header).encode(),
        json.dumps(payload, default=lambda at: int(at.timestamp())).encode(),
    ]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (*parts, signature))


@pytest.mark.parametrize("algorithm", PUBLIC_KEY_ALGORITHMS)
async def test_every_public_key_algorithm_is_verified(
    issuer: Issuer, issuers: ExternalIssuers, algorithm: str
) -> None:
    issuer.add_key("other", algorithm)
    token = issuer.token("other")
    assert await issuers.verify(token) == TokenClaims(None, "user-1", BOTH_SCOPES)
    issuer.keys["other"] = (new_key(algorithm), algorithm)
    with pytest.raises(InvalidToken):
        await issuers.verify(issuer.token("other"))  # The same id, signed with a key that isn't published.


async def test_a_shared_secret_is_verified_by_one_algorithm_only() -> None:
    issuers = shared()
    assert (await issuers.verify(jwt.encode(claims(), SECRET, "HS256"))).identity == "user-1"
    for algorithm, secret in (("HS384", SECRET * 2), ("HS512", SECRET * 2), ("HS256", f"not {SECRET}")):
        with pytest.raises(InvalidToken):
            await issuers.verify(jwt.encode(claims(), secret, algorithm))


@pytest.mark.parametrize(
    "changes",
    [
        *({"aud": aud} for aud in (None, "", "others", ["others"], [], {"voice-notes": 1})),
        *({"iss": iss} for iss in (None, "https://login.test", "https://evil.test/")),
        *({"sub": sub} for sub in (None, "", "x" * 256, 7, ["user-1"], "a\x00b", "a\nb", "\ud800")),
        *({"exp": exp} for exp in (None, "soon")),
        {"nbf": utc_now() + timedelta(hours=1)},
        {"nbf": "later"},
        {"iat": utc_now() + timedelta(hours=1)},
    ],
)
async def test_claims_that_are_wrong_or_missing_are_refused(
    issuer: Issuer, issuers: ExternalIssuers, changes: dict[str, Any]
) -> None:
    payload = {name: value for name, value in {**claims(), **changes}.items() if value is not None}
    header = {"alg": "ES256", "kid": "k1"}
    unsigned = forged(header, payload).rsplit(".", 1)[0]
    algorithm = jwt.get_algorithm_by_name("ES256")
    signature = algorithm.sign(unsigned.encode(), algorithm.prepare_key(issuer.keys["k1"][0]))
    with pytest.raises(InvalidToken):
        await issuers.verify(forged(header, payload, signature))


async def test_an_audience_among_several_will_do(issuer: Issuer) -> None:
    issuers = ExternalIssuers([issuer.described(audience=["mobile", "web"])])
    for audience in ("mobile", "web", ["other", "web"]):
        assert (await issuers.verify(issuer.token("k1", aud=audience))).identity == "user-1"
    with pytest.raises(InvalidToken):
        await issuers.verify(issuer.token("k1", aud=["other", "mobil"]))
    await issuers.close()


async def test_clocks_may_differ_a_little(issuer: Issuer, issuers: ExternalIssuers) -> None:
    now = utc_now()
    few, many = timedelta(seconds=20), timedelta(seconds=60)
    assert await issuers.verify(issuer.token("k1", exp=now - few))
    assert await issuers.verify(issuer.token("k1", nbf=now + few, iat=now + few))
    with pytest.raises(TokenExpired):
        await issuers.verify(issuer.token("k1", exp=now - many))
    with pytest.raises(InvalidToken):
        await issuers.verify(issuer.token("k1", nbf=now + many))


async def test_no_signature_or_a_broken_one_is_refused(issuer: Issuer, issuers: ExternalIssuers) -> None:
    good = issuer.token("k1")
    head, payload, signature = good.split(".")
    for none in ("none", "None", "NONE", "nOnE", "", None, ["ES256"], 7):
        for signed in (b"", b"x"):
            with pytest.raises(InvalidToken):
                await issuers.verify(forged({"alg": none, "kid": "k1"}, claims(), signed))
    other = issuer.token("k1", sub="user-2").split(".")[1]
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    for broken in (f"{head}.{payload}.", f"{head}.{other}.{signature}", f"{head}.{payload}.{flipped}"):
        with pytest.raises(InvalidToken):
            await issuers.verify(broken)


async def test_a_public_key_is_no_shared_secret(issuer: Issuer, issuers: ExternalIssuers) -> None:
    issuer.add_key("rsa", "RS256")
    published = public_jwk(issuer.keys["rsa"][0], "RS256")
    public = issuer.keys["rsa"][0].public_key()
    texts = [
        *(
            public.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
            for encoding in (Encoding.PEM, Encoding.DER)
        ),
        json.dumps(published).encode(),
        published["n"].encode(),
    ]
    hmac = jwt.get_algorithm_by_name("HS256")
    for text in texts:
        for kid in ("rsa", "k1"):
            unsigned = forged({"alg": "HS256", "kid": kid}, claims()).rsplit(".", 1)[0]
            with pytest.raises(InvalidToken):
                await issuers.verify(f"{unsigned}.{_encoded(hmac.sign(unsigned.encode(), text))}")
    with pytest.raises(InvalidToken):
        await shared().verify(issuer.token("rsa"))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def test_keys_that_are_not_for_this_are_left_out(issuer: Issuer, issuers: ExternalIssuers) -> None:
    secret = _encoded(SECRET.encode())
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    p384, encrypting, bound = new_key("ES384"), new_key("ES256"), new_key("RS256")
    issuer.keys["weak"] = (weak, "RS256")
    strange: list[object] = ["nonsense", None, 7, {}, {"kty": "RSA", "kid": "half"}]
    strange.append({"kty": "EC", "crv": "P-256", "x": 1, "y": 2})
    issuer.publish(
        {"kty": "oct", "kid": "oct", "k": secret, "alg": "HS256"},
        public_jwk(encrypting, "ES256", kid="enc", use="enc"),
        public_jwk(bound, "RS256", kid="bound", alg="PS256"),
        *strange,
        {**public_jwk(p384, "ES384", kid="odd"), "kid": ["odd"]},
    )
    refused = [
        jwt.encode(claims(), SECRET, "HS256", headers={"kid": "oct"}),
        jwt.encode(claims(), encrypting, "ES256", headers={"kid": "enc"}),
        jwt.encode(claims(), bound, "RS256", headers={"kid": "bound"}),
        jwt.encode(claims(), p384, "ES384"),
    ]
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        refused.append(issuer.token("weak"))
    for token in refused:
        with pytest.raises(InvalidToken):
            await issuers.verify(token)
    assert await issuers.verify(jwt.encode(claims(), bound, "PS256", headers={"kid": "bound"}))
    assert await issuers.verify(issuer.token("k1"))


async def test_algorithms_can_be_narrowed(issuer: Issuer) -> None:
    issuer.add_key("rsa", "RS256")
    issuers = ExternalIssuers([issuer.described(algorithms=["RS256"])])
    assert await issuers.verify(issuer.token("rsa"))
    for token in (
        issuer.token("k1"),
        jwt.encode(claims(), issuer.keys["rsa"][0], "PS256", headers={"kid": "rsa"}),
    ):
        with pytest.raises(InvalidToken):
            await issuers.verify(token)
    await issuers.close()


@pytest.mark.parametrize(
    "kid", ["../../../etc/passwd", "http://127.0.0.1/", "' OR 1=1", "", "k1\x00", "k" * 9000]
)
async def test_a_key_id_is_only_compared(issuer: Issuer, issuers: ExternalIssuers, kid: str) -> None:
    with pytest.raises(InvalidToken):
        await issuers.verify(issuer.token("k1", headers={"kid": kid}))
    assert {head.split(" ")[1] for head in issuer.site.asked} == {JWKS_PATH}


@pytest.mark.parametrize("kid", [7, ["k1"], {"k1": 1}, True])
async def test_a_key_id_is_text(issuer: Issuer, issuers: ExternalIssuers, kid: object) -> None:
    with pytest.raises(InvalidToken):
        await issuers.verify(forged({"alg": "ES256", "kid": kid}, claims(), b"x"))


async def test_keys_that_a_token_brings_along_are_ignored(issuer: Issuer, issuers: ExternalIssuers) -> None:
    async with serving() as evil:
        own = new_key("ES256")
        jwk = public_jwk(own, "ES256", kid="k1")
        evil.answers["/"] = response(json.dumps({"keys": [jwk]}).encode())
        headers = {"kid": "k1", "jku": evil.url(), "x5u": evil.url(), "jwk": jwk, "x5c": ["MIIB"]}
        with pytest.raises(InvalidToken):
            await issuers.verify(jwt.encode(claims(), own, "ES256", headers=headers))
        assert await issuers.verify(issuer.token("k1", headers=headers))
        assert evil.connections == 0


@pytest.mark.parametrize("crit", [["b64"], ["exp"], [], "exp", None])
async def test_extensions_that_must_be_understood_are_not(
    issuer: Issuer, issuers: ExternalIssuers, crit: object
) -> None:
    with pytest.raises(InvalidToken):
        await issuers.verify(issuer.token("k1", headers={"crit": crit, "exp": 1}))


async def test_without_a_key_id_there_must_be_one_key_for_the_algorithm(
    issuer: Issuer, issuers: ExternalIssuers, seconds: Seconds
) -> None:
    issuer.add_key("rsa", "RS256")
    anonymous = jwt.encode(claims(), issuer.keys["k1"][0], "ES256")
    assert await issuers.verify(anonymous)
    issuer.add_key("k2")
    seconds.now += jwks.FRESH_S + 1
    with pytest.raises(InvalidToken):
        await issuers.verify(anonymous)
    assert await issuers.verify(issuer.token("k1"))


async def test_keys_are_read_once_and_anew_when_they_are_old(
    issuer: Issuer, issuers: ExternalIssuers, seconds: Seconds
) -> None:
    for _ in range(3):
        assert await issuers.verify(issuer.token("k1"))
    assert issuer.times_read() == 1
    token = issuer.token("k1")
    del issuer.keys["k1"]
    issuer.add_key("k2")
    seconds.now += jwks.FRESH_S + 1
    with pytest.raises(InvalidToken):
        await issuers.verify(token)  # What was taken back is good no longer.
    assert issuer.times_read() == 2


async def test_a_new_key_is_found_at_once_but_invented_ones_cause_few_calls(
    issuer: Issuer, issuers: ExternalIssuers, seconds: Seconds
) -> None:
    assert await issuers.verify(issuer.token("k1"))
    issuer.add_key("k2")
    seconds.now += jwks.MIN_INTERVAL_S
    assert await issuers.verify(issuer.token("k2"))
    assert issuer.times_read() == 2
    for number in range(20):
        with pytest.raises(InvalidToken):
            await issuers.verify(issuer.token("k1", headers={"kid": f"invented-{number}"}))
    assert issuer.times_read() == 2
    seconds.now += jwks.MIN_INTERVAL_S
    with pytest.raises(InvalidToken):
        await issuers.verify(issuer.token("k1", headers={"kid": "invented"}))
    assert issuer.times_read() == 3


OUTAGES = [
    response(b"", status="500 Oops"),
    response(b"", "Location: /elsewhere", status="302 Found"),
    response(b"<html>"),
    response(b"[]"),
    response(b"{}"),
    response(b'{"keys": 7}'),
    response(b"[" * 100_000),
    response(b" " * (jwks.MAX_BYTES + 1)),
    b"",
]


@pytest.mark.parametrize("outage", OUTAGES)
async def test_known_keys_outlive_an_outage_but_not_for_ever(
    issuer: Issuer, issuers: ExternalIssuers, seconds: Seconds, outage: bytes
) -> None:
    assert await issuers.verify(issuer.token("k1"))
    issuer.site.answers[JWKS_PATH] = outage
    seconds.now += jwks.FRESH_S + 1
    assert await issuers.verify(issuer.token("k1"))
    assert issuer.times_read() == 2
    seconds.now += jwks.STALE_S
    with pytest.raises(KeysUnavailable):
        await issuers.verify(issuer.token("k1"))
    issuer.publish()
    seconds.now += jwks.MIN_INTERVAL_S
    assert await issuers.verify(issuer.token("k1"))


async def test_while_no_keys_could_be_read_nobody_can_say(
    issuer: Issuer, issuers: ExternalIssuers, seconds: Seconds
) -> None:
    issuer.site.answers[JWKS_PATH] = response(b"", status="503 Later")
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            await issuers.verify(issuer.token("k1"))
    assert issuer.times_read() == 1
    issuer.publish()
    seconds.now += jwks.MIN_INTERVAL_S
    assert await issuers.verify(issuer.token("k1"))


async def test_a_tenant_is_the_claims_or_the_settings(issuer: Issuer) -> None:
    tenant, fixed = uuid4(), uuid4()
    claim = "https://login.test/tenant"
    by_claim = ExternalIssuers([issuer.described(tenant_claim=claim)])
    by_settings = ExternalIssuers([issuer.described(tenant_id=str(fixed))])
    key, algorithm = issuer.keys["k1"]
    named = jwt.encode(claims(**{claim: str(tenant)}), key, algorithm)
    assert (await by_claim.verify(named)).tenant_id == tenant
    assert (await by_settings.verify(named)).tenant_id == fixed
    wrongs: list[object] = [None, "", "default", 7, [str(tenant)], {"id": str(tenant)}]
    for wrong in wrongs:
        payload = claims(tenant_id=str(tenant), **{claim: wrong})
        with pytest.raises(InvalidToken):
            await by_claim.verify(jwt.encode(payload, key, algorithm))
    for one in (by_claim, by_settings):
        await one.close()


@pytest.mark.parametrize("token", ["", "a.b.c", "x" * 70_000, "é.ü.ß", "...", "e30.e30.", "W10.W10.x"])
async def test_garbage_is_of_none_of_them(issuers: ExternalIssuers, token: str) -> None:
    assert not issuers.claims_one(token)
    with pytest.raises(InvalidToken):
        await issuers.verify(token)
