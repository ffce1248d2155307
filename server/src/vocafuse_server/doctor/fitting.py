"""Settings that are each right and don't fit together."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from redis import Redis, RedisError

from vocafuse_server.core.settings import Settings, unknown_variables
from vocafuse_server.doctor.findings import Finding, failed, first_line, ok, warning

_STORE_S = 5.0
_METADATA = ip_network("169.254.0.0/16")
_OPENAI_HOST = "api.openai.com"


def check_settings(settings: Settings) -> Iterator[Finding]:
    """What contradicts itself, and what has been set in vain."""
    found = [
        *_addresses(settings),
        *_fleet(settings),
        *_engine(settings),
        *_in_vain(settings),
    ]
    yield from found or [ok("The settings fit together")]


def check_networks(settings: Settings) -> Iterator[Finding]:
    """Into which private networks accounts can have the server call."""
    networks = settings.allow_private_networks
    remedy = "Name only the networks that your receivers are in, in VOCAFUSE_ALLOW_PRIVATE_NETWORKS."
    listed = ", ".join(map(str, networks))
    if not networks:
        yield ok("Webhooks and fetched URLs reach public addresses only")
    elif any(network.prefixlen == 0 for network in networks):
        yield warning("Webhooks and fetched URLs reach every network there is.", remedy)
    elif any(network.version == _METADATA.version and network.overlaps(_METADATA) for network in networks):
        yield warning(f"Webhooks and fetched URLs reach a cloud's own addresses ({listed}).", remedy)
    elif any(network.is_loopback for network in networks) and not _is_local(settings.host):
        yield warning(
            f"The API is open to other machines, and its webhooks reach this one's own services ({listed}).",
            remedy,
        )
    else:
        yield ok(f"Webhooks and fetched URLs reach public addresses and {listed}")


def check_rate_limit_store(settings: Settings) -> Iterator[Finding]:
    """What counts for all API processes answers, if there is one."""
    if settings.rate_limit_store_url is None:
        return
    url = settings.rate_limit_store_url.get_secret_value().replace("valkey", "redis", 1)
    where = urlsplit(url).hostname
    try:
        with _redis(url) as store:
            store.ping()  # pyright: ignore[reportUnknownMemberType] - its options have no types
    except RedisError as error:
        yield failed(
            f"The store of rate limits on {where} doesn't answer ({first_line(error)}).",
            "Start it, correct VOCAFUSE_RATE_LIMIT_STORE_URL, or unset that: then each process counts by"
            " itself.",
        )
    else:
        yield ok(f"The store of rate limits on {where} answers")


def _redis(url: str) -> Redis:
    return Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - as above
        url, socket_timeout=_STORE_S, socket_connect_timeout=_STORE_S
    )


def _addresses(settings: Settings) -> Iterator[Finding]:
    public = (settings.public_url or "").rstrip("/")
    if public.endswith(("/v1", "/v2")):
        yield failed(
            f"VOCAFUSE_PUBLIC_URL is {public}, so clients would be sent to {public}/v1.",
            "Set it to the address without the version.",
        )
    if public.startswith("http://") and not _is_local(urlsplit(public).hostname or ""):
        yield warning(
            "VOCAFUSE_PUBLIC_URL begins with http://: keys and voices pass the network unencrypted.",
            "Put a proxy with TLS before the server, and name its https:// address.",
        )
    if settings.port and settings.port == settings.worker_metrics_port:
        yield failed(
            f"VOCAFUSE_PORT and VOCAFUSE_WORKER_METRICS_PORT are both {settings.port}.",
            "Give one of them another port.",
        )
    if settings.metrics == "all" and not _is_local(settings.host):
        yield warning(
            "VOCAFUSE_METRICS is all: whoever reaches the API can read its figures.",
            "Set it to local or off, unless a firewall sees to it.",
        )


def _fleet(settings: Settings) -> Iterator[Finding]:
    if settings.database_url is None:
        return
    for variable, value, shared in (
        ("VOCAFUSE_SIGNING_KEY", settings.signing_key, "tokens and upload URLs"),
        ("VOCAFUSE_ENCRYPTION_KEY", settings.encryption_key, "the secrets of webhooks"),
    ):
        if value is None:
            yield warning(
                f"{variable} isn't set, so each machine makes a key of its own for {shared}.",
                f"With more than one machine, set {variable} to the same on all of them.",
            )
    if settings.storage_url is None:
        yield warning(
            "The database is on a server of yours, but the audio is in this machine's data directory.",
            "With more than one machine, set VOCAFUSE_STORAGE_URL to a store that all of them reach.",
        )


def _engine(settings: Settings) -> Iterator[Finding]:
    is_openai = urlsplit(settings.openai_base_url).hostname == _OPENAI_HOST
    if settings.engine == "openai" and is_openai and settings.openai_api_key is None:
        yield failed(
            "VOCAFUSE_ENGINE is openai, and OpenAI answers nobody without a key.",
            "Set VOCAFUSE_OPENAI_API_KEY, or VOCAFUSE_OPENAI_BASE_URL to a server that needs none.",
        )


def _in_vain(settings: Settings) -> Iterator[Finding]:
    """What has been set and does nothing."""
    given = settings.model_fields_set
    idle = "openai_" if settings.engine == "local" else "model"
    unused = {name for name in given if name.startswith(idle)}
    if settings.signing_key is None:
        unused |= {"old_signing_keys"} & given
    if settings.encryption_key is None:
        unused |= {"old_encryption_keys"} & given
    for name in sorted(unused):
        yield warning(
            f"VOCAFUSE_{name.upper()} is set and does nothing beside the other settings.",
            "Unset it, or see docs/settings.md for what it goes with.",
        )
    for name in unknown_variables():
        yield warning(
            f"{name} is set, and there is no such setting.",
            "Correct its name (docs/settings.md has them all), or unset it.",
        )


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
