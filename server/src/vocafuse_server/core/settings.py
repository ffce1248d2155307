"""The settings: one frozen object, the only reader of the environment."""

import json
import os
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.token_issuers import TokenIssuer

MIB = 1024 * 1024
MIN_KEY_LENGTH = 32
_ORIGIN = re.compile(r"https?://(?:[0-9a-z._-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?")
# Attempts at about these times after the one before; the published retry schedule.
WEBHOOK_RETRY_DELAYS_S = (5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0, 21600.0, 43200.0)

Network = IPv4Network | IPv6Network
ComputeType = Literal[
    "auto",
    "int8",
    "int8_float32",
    "int8_float16",
    "int8_bfloat16",
    "int16",
    "float16",
    "bfloat16",
    "float32",
]


def default_data_dir() -> Path:
    """The data directory when none is named: a system one for root, else one in the user's home."""
    if os.geteuid() == 0:
        return Path("/var/lib/vocafuse")
    return Path.home() / ".local" / "share" / "vocafuse"


class Settings(BaseSettings):
    """Everything an operator can set; each field is the environment variable `VOCAFUSE_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="VOCAFUSE_", frozen=True, env_ignore_empty=True)

    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Where the embedded database, the audio files, the model and the keys are kept.",
    )
    host: str = Field(default="127.0.0.1", description="Address the API listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port the API listens on.")
    connections: int = Field(
        default=1000,
        ge=1,
        description="Connections open to one API process at a time, at most; more are answered with 503.",
    )
    slow_client_seconds: float = Field(
        default=30,
        gt=0,
        description="How long a client may stall while it sends a request or reads an answer.",
    )
    slow_client_bytes_per_second: int = Field(
        default=1024,
        ge=1,
        description="Slowest upload that may go on: a client that falls behind it by the time above is cut"
        " off.",
    )
    uploads_in_flight: int = Field(
        default=128,
        ge=1,
        description="Uploads one API process takes in at a time, at most half of them of one tenant;"
        " more are answered with 503.",
    )
    queued_notes: int = Field(
        default=20_000,
        ge=1,
        description="Notes of one tenant that may wait for their transcription; more are answered with 429.",
    )
    disk_reserve_bytes: int = Field(
        default=2048 * MIB,
        ge=0,
        description="Free space that is left on the disks of the data directory, in bytes: with less,"
        " what adds data is answered with 503. 0: none.",
    )
    public_url: str | None = Field(
        default=None,
        description="Base of the URLs handed to clients, e.g. `https://notes.example.com`."
        " Unset: taken from each request.",
    )
    database_url: SecretStr | None = Field(
        default=None, description="Postgres 15 or later. Unset: an embedded Postgres in the data directory."
    )
    database_pool_size: int = Field(
        default=10, ge=1, le=200, description="Database connections per process, at most (2 if it is 1)."
    )
    storage_url: str | None = Field(
        default=None,
        description="Object store for the audio, e.g. `s3://bucket/prefix`. Unset: the data directory.",
    )
    model: str = Field(
        default="base",
        description="Whisper model: `base`, `tiny.en`, `small`, a CTranslate2 directory, or a hub name"
        " ([models](models.md)).",
    )
    model_device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="What the model runs on; `auto`: an NVIDIA GPU if there is one."
    )
    model_compute_type: ComputeType = Field(
        default="auto",
        description="How the model's numbers are kept, as CTranslate2 names it; `auto`: `int8` on a CPU,"
        " `float16` on a GPU.",
    )
    model_workers: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="Calls of the model that run at a time in one worker process."
        " Unset: one for each processor, four at most; one on a GPU.",
    )
    model_threads: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="Threads of each such call. Unset: the processors are shared out.",
    )
    engine: Literal["local", "openai"] = Field(
        default="local",
        description="What transcribes: `local`, on this machine, or `openai`, a server with OpenAI's API.",
    )
    openai_base_url: str = Field(
        default="https://api.openai.com/v1",
        description="Where the engine `openai` sends the audio: OpenAI, or any server with its"
        " `/audio/transcriptions`.",
    )
    openai_api_key: SecretStr | None = Field(
        default=None,
        description="Key for that server. Unset: none is sent, which self-hosted ones often allow.",
    )
    openai_model: str = Field(
        default="whisper-1",
        min_length=1,
        description="Model asked for there; one that can answer with `verbose_json`.",
    )
    openai_timeout_seconds: float = Field(
        default=60, gt=0, description="How long that server has to answer; three tries are made."
    )
    transcriptions_in_flight: int = Field(
        default=8, ge=1, le=256, description="Notes one worker process transcribes at a time."
    )
    decoder_processes: int = Field(
        default=1, ge=1, le=64, description="Limited child processes per worker that decode uploads."
    )
    bootstrap_key: str | None = Field(
        default=None, max_length=200, description="API key of the first tenant. Unset: generated."
    )
    bootstrap_secret: SecretStr | None = Field(
        default=None, max_length=200, description="API secret of the first tenant. Unset: generated."
    )
    signing_key: SecretStr | None = Field(
        default=None,
        description="Signs tokens and upload URLs; the same on every process of a fleet."
        " Unset: generated into the data directory.",
    )
    old_signing_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        description="Comma-separated keys whose tokens and upload URLs are accepted besides"
        " ([replacing keys](authentication.md#replacing-keys)).",
    )
    encryption_key: SecretStr | None = Field(
        default=None,
        description="Seals the secrets of webhooks in the database; the same on every process of a fleet."
        " Unset: generated into the data directory.",
    )
    old_encryption_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(), description="Comma-separated keys with which sealed secrets are opened besides."
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("*",),
        description="Comma-separated origins whose pages may call the API from a browser, e.g."
        " `https://app.example.com`; `*`: all.",
    )
    token_issuers: Annotated[tuple[TokenIssuer, ...], NoDecode] = Field(
        default=(),
        description="Others whose tokens are accepted, as JSON ([authentication](authentication.md)).",
    )
    max_upload_bytes: int = Field(
        default=25 * MIB, ge=1, description="Largest audio file accepted, in bytes."
    )
    max_note_seconds: float = Field(default=600, gt=0, description="Longest note transcribed, in seconds.")
    rate_limit_per_minute: int = Field(
        default=6000,
        ge=1,
        le=60_000_000,
        description="Requests per minute of a tenant on the plan `enterprise`, or of one of its users;"
        " twice as many at once.",
    )
    rate_limit_strangers_per_minute: int = Field(
        default=100,
        ge=1,
        le=60_000_000,
        description="Refusals per minute that an address gets without valid credentials before they become"
        " 429s; twice as many at once.",
    )
    rate_limit_store_url: SecretStr | None = Field(
        default=None,
        description="Redis or Valkey that counts for all API processes, e.g. `redis://host:6379/0`."
        " Unset: each process counts by itself.",
    )
    upload_url_seconds: int = Field(
        default=900, ge=1, description="How long a signed upload URL is good, in seconds."
    )
    allow_private_networks: Annotated[tuple[Network, ...], NoDecode] = Field(
        default=(),
        description="Comma-separated private networks that webhooks and the fetching of audio URLs may reach,"
        " e.g. `127.0.0.0/8`.",
    )
    webhook_timeout_seconds: float = Field(
        default=10, gt=0, description="How long a webhook's receiver has to answer."
    )
    webhook_retry_seconds: Annotated[tuple[float, ...], NoDecode] = Field(
        default=WEBHOOK_RETRY_DELAYS_S,
        description="Comma-separated delays between the attempts at one delivery.",
    )
    webhooks_in_flight: int = Field(
        default=64,
        ge=1,
        le=1024,
        description="Deliveries one worker process makes at a time; to one receiver an eighth of them.",
    )
    metrics: Literal["local", "all", "off"] = Field(
        default="local",
        description="Who may read `/metrics`: `local`, callers on this machine; `all`, whoever gets here;"
        " `off`, nobody ([metrics](metrics.md)).",
    )
    worker_metrics_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port on which a worker process shows its metrics, for a fleet. Unset: none.",
    )
    webhook_disable_after_days: float = Field(
        default=5,
        gt=0,
        description="A webhook that has taken no delivery for so long, although some were sent, is disabled.",
    )
    webhook_log_days: float = Field(
        default=30,
        gt=0,
        description="How long a delivery and its attempts are kept once it has ended, in days.",
    )
    abandoned_upload_hours: float = Field(
        default=24,
        gt=0,
        description="How long an upload that never came to its end is kept, and audio of which no note is"
        " known, in hours.",
    )
    stop_seconds: float = Field(
        default=20,
        ge=0,
        description="How long a process that is asked to stop goes on with what it has begun, in seconds;"
        " then open requests are cut and jobs go back on the queue.",
    )
    retention_days: float | None = Field(
        default=None,
        gt=0,
        le=36_500,
        description="How long a voice note that was deleted through v2 is kept, in days; then it is removed"
        " for good. Unset: kept.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log line written."
    )
    log_format: Literal["auto", "text", "json"] = Field(
        default="auto", description="`json` for machines, `text` for people; `auto`: text on a terminal."
    )

    @field_validator("allow_private_networks", mode="before")
    @classmethod
    def _split_networks(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(ip_network(part.strip(), strict=False) for part in value.split(",") if part.strip())
        return value

    @field_validator("webhook_retry_seconds", mode="before")
    @classmethod
    def _split_delays(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(float(part) for part in value.split(",") if part.strip())
        return value

    @field_validator("token_issuers", mode="before")
    @classmethod
    def _parse_issuers(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError(
                'must be JSON like [{"issuer": "...", "audience": "...", "jwks_url": "..."}]'
            ) from None

    @field_validator("token_issuers")
    @classmethod
    def _are_different(cls, value: tuple[TokenIssuer, ...]) -> tuple[TokenIssuer, ...]:
        if len({one.issuer for one in value}) < len(value):
            raise ValueError("must name each issuer once")
        return value

    @field_validator("database_url")
    @classmethod
    def _is_postgres_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("postgres://", "postgresql")):
            raise ValueError("must be a URL like postgresql://user:password@host:5432/database")
        return value

    @field_validator("rate_limit_store_url")
    @classmethod
    def _is_store_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parts = urlsplit(value.get_secret_value())
            if parts.scheme not in {"redis", "rediss", "valkey", "valkeys"} or not parts.hostname:
                raise ValueError("must be a URL like redis://:password@host:6379/0")
        return value

    @field_validator("openai_base_url")
    @classmethod
    def _is_base_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
            raise ValueError("must be a URL like https://api.openai.com/v1")
        if parts.username is not None or parts.query or parts.fragment or not _fits_a_header(value):
            raise ValueError("must have no user name, query, fragment, space or character outside ASCII")
        return value.rstrip("/")

    @field_validator("openai_api_key")
    @classmethod
    def _is_sendable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _fits_a_header(value.get_secret_value()):
            raise ValueError("must hold printable ASCII characters only, without spaces")
        return value

    @field_validator("old_signing_keys", "old_encryption_keys", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(one == "*" or _ORIGIN.fullmatch(one) for one in value):
            raise ValueError("must be origins like https://app.example.com, without a path")
        return value

    @field_validator("signing_key", "encryption_key", "old_signing_keys", "old_encryption_keys")
    @classmethod
    def _are_long_enough(
        cls, value: SecretStr | tuple[SecretStr, ...] | None
    ) -> SecretStr | tuple[SecretStr, ...] | None:
        given = value if isinstance(value, tuple) else (value,) if value else ()
        if any(len(one.get_secret_value()) < MIN_KEY_LENGTH for one in given):
            raise ValueError(f"must have at least {MIN_KEY_LENGTH} characters")
        return value

    @field_validator("log_level", "log_format", "engine", "model_device", "model_compute_type", mode="before")
    @classmethod
    def _in_any_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @model_validator(mode="after")
    def _whole_bootstrap_pair(self) -> "Settings":
        if (self.bootstrap_key is None) != (self.bootstrap_secret is None):
            raise ValueError("VOCAFUSE_BOOTSTRAP_KEY and VOCAFUSE_BOOTSTRAP_SECRET must be set together")
        return self

    @property
    def base_url(self) -> str:
        """The API's base URL as a client on this machine reaches it, e.g. `http://127.0.0.1:8000/v1`."""
        if self.public_url is not None:
            return f"{self.public_url.rstrip('/')}/v1"
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/v1"


def _fits_a_header(value: str) -> bool:
    """Whether HTTP can carry it; its libraries quote what they can't send in their errors."""
    return value.isascii() and value.isprintable() and " " not in value


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        StartupError: A setting has an unusable value; the message names the variable.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        names = [f"VOCAFUSE_{str(part).upper()}" for part in first["loc"][:1]]
        inner = [".".join(str(part) for part in first["loc"][1:])] if first["loc"][1:] else []
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise StartupError(": ".join([*names, *inner, reason])) from None
