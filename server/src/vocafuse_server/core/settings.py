"""The settings: one frozen object, the only reader of the environment.

Long because it is one list, against which the operators' page (docs/settings.md) is checked; how values are
read is in `setting_types.py`.
"""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.setting_types import (
    AnyCase,
    BaseUrl,
    ComputeType,
    Folder,
    Issuers,
    Key,
    Keys,
    Networks,
    Numbers,
    Origins,
    PostgresUrl,
    RedisUrl,
    SentKey,
)

MIB = 1024 * 1024
# Attempts at about these times after the one before; the published retry schedule.
WEBHOOK_RETRY_DELAYS_S = (5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0, 21600.0, 43200.0)


# What the client library reads, often on the same machine.
CLIENT_VARIABLES = frozenset({"VOCAFUSE_API_KEY", "VOCAFUSE_API_SECRET", "VOCAFUSE_BASE_URL"})


def default_data_dir() -> Path:
    """The data directory when none is named: a system one for root, else one in the user's home."""
    if os.geteuid() == 0:
        return Path("/var/lib/vocafuse")
    return Path.home() / ".local" / "share" / "vocafuse"


class Settings(BaseSettings):
    """Everything an operator can set; each field is the environment variable `VOCAFUSE_<NAME>`."""

    model_config = SettingsConfigDict(
        env_prefix="VOCAFUSE_", frozen=True, env_ignore_empty=True, populate_by_name=True
    )

    data_dir: Folder = Field(
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
    database_url: PostgresUrl | None = Field(
        default=None, description="Postgres 15 or later. Unset: an embedded Postgres in the data directory."
    )
    database_direct_url: PostgresUrl | None = Field(
        default=None,
        description="The same database without a pooler, if `VOCAFUSE_DATABASE_URL` leads to one in"
        " transaction mode ([scaling out](fleet.md)). Unset: there is none.",
    )
    database_pool_size: int = Field(
        default=10,
        ge=1,
        le=200,
        description="Database connections per process, at most (2 if it is 1); event streams take one more.",
    )
    storage_url: str | None = Field(
        default=None,
        description="Object store for the audio, e.g. `s3://bucket/prefix`. Unset: the data directory.",
    )
    uploads: Annotated[Literal["server", "direct"], AnyCase] = Field(
        default="server",
        description="Where clients PUT audio: to this server, or `direct` to the object store's own signed"
        " URLs ([object stores](storage.md)).",
    )
    model: str = Field(
        default="base",
        description="Whisper model: `base`, `tiny.en`, `small`, a CTranslate2 directory, or a hub name"
        " ([models](models.md)).",
    )
    model_device: Annotated[Literal["auto", "cpu", "cuda"], AnyCase] = Field(
        default="auto", description="What the model runs on; `auto`: an NVIDIA GPU if there is one."
    )
    model_compute_type: Annotated[ComputeType, AnyCase] = Field(
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
    engine: Annotated[Literal["local", "openai"], AnyCase] = Field(
        default="local",
        description="What transcribes: `local`, on this machine, or `openai`, a server with OpenAI's API.",
    )
    openai_base_url: BaseUrl = Field(
        default="https://api.openai.com/v1",
        description="Where the engine `openai` sends the audio: OpenAI, or any server with its"
        " `/audio/transcriptions`.",
    )
    openai_api_key: SentKey | None = Field(
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
    signing_key: Key | None = Field(
        default=None,
        description="Signs tokens and upload URLs; the same on every process of a fleet."
        " Unset: generated into the data directory.",
    )
    old_signing_keys: Keys = Field(
        default=(),
        description="Comma-separated keys whose tokens and upload URLs are accepted besides"
        " ([replacing keys](authentication.md#replacing-keys)).",
    )
    encryption_key: Key | None = Field(
        default=None,
        description="Seals the secrets of webhooks in the database; the same on every process of a fleet."
        " Unset: generated into the data directory.",
    )
    old_encryption_keys: Keys = Field(
        default=(), description="Comma-separated keys with which sealed secrets are opened besides."
    )
    cors_origins: Origins = Field(
        default=("*",),
        description="Comma-separated origins whose pages may call the API from a browser, e.g."
        " `https://app.example.com`; `*`: all.",
    )
    token_issuers: Issuers = Field(
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
    rate_limit_store_url: RedisUrl | None = Field(
        default=None,
        description="Redis or Valkey that counts for all API processes, e.g. `redis://host:6379/0`."
        " Unset: each process counts by itself.",
    )
    upload_url_seconds: int = Field(
        default=900, ge=1, description="How long a signed upload URL is good, in seconds."
    )
    allow_private_networks: Networks = Field(
        default=(),
        description="Comma-separated private networks that webhooks and the fetching of audio URLs may reach,"
        " e.g. `127.0.0.0/8`.",
    )
    webhook_timeout_seconds: float = Field(
        default=10, gt=0, description="How long a webhook's receiver has to answer."
    )
    webhook_retry_seconds: Numbers = Field(
        default=WEBHOOK_RETRY_DELAYS_S,
        description="Comma-separated delays between the attempts at one delivery.",
    )
    webhooks_in_flight: int = Field(
        default=64,
        ge=1,
        le=1024,
        description="Deliveries one worker process makes at a time; to one receiver an eighth of them.",
    )
    event_streams_per_tenant: int = Field(
        default=100, ge=1, description="Event streams one API process keeps open for a tenant at a time."
    )
    event_heartbeat_seconds: float = Field(
        default=15,
        gt=0,
        description="How often a quiet event stream says that it is alive; a client that takes nothing for"
        " twice as long is cut off.",
    )
    transcription_wait_seconds: float = Field(
        default=120,
        gt=0,
        description="How long a call of `/v1/audio/transcriptions` waits for its text, in seconds.",
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
    otel_exporter_otlp_endpoint: str | None = Field(
        default=None,
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="Where traces are sent, by OTLP over HTTP ([metrics](metrics.md)). Unset: nowhere.",
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
    log_level: Annotated[Literal["debug", "info", "warning", "error"], AnyCase] = Field(
        default="info", description="Least severe log line written."
    )
    log_format: Annotated[Literal["auto", "text", "json"], AnyCase] = Field(
        default="auto", description="`json` for machines, `text` for people; `auto`: text on a terminal."
    )

    @model_validator(mode="after")
    def _whole_bootstrap_pair(self) -> "Settings":
        if (self.bootstrap_key is None) != (self.bootstrap_secret is None):
            raise ValueError("VOCAFUSE_BOOTSTRAP_KEY and VOCAFUSE_BOOTSTRAP_SECRET must be set together")
        return self

    @model_validator(mode="after")
    def _pooler_beside_database(self) -> "Settings":
        if self.database_direct_url is not None and self.database_url is None:
            raise ValueError("VOCAFUSE_DATABASE_DIRECT_URL is of no use without VOCAFUSE_DATABASE_URL")
        return self

    @property
    def direct_url(self) -> str | None:
        """Where the database is reached past its pooler; None if there is no pooler."""
        return None if self.database_direct_url is None else self.database_direct_url.get_secret_value()

    @property
    def base_url(self) -> str:
        """The API's base URL as a client on this machine reaches it, e.g. `http://127.0.0.1:8000/v1`."""
        if self.public_url is not None:
            return f"{self.public_url.rstrip('/')}/v1"
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/v1"


def unknown_variables() -> list[str]:
    """Variables that look like settings and are none, such as misspelt ones."""
    known = {f"VOCAFUSE_{name.upper()}" for name in Settings.model_fields} | CLIENT_VARIABLES
    given = {name.upper() for name in os.environ if name.upper().startswith("VOCAFUSE_")}
    return sorted(name for name in given - known if not name.startswith("VOCAFUSE_TEST_"))


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
