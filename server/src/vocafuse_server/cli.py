"""The command `vocafuse-server`."""

import asyncio
import json
import shlex
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from vocafuse_server import __version__
from vocafuse_server.accounts.models import Plan
from vocafuse_server.accounts.secrets import new_key_pair
from vocafuse_server.accounts.service import NewTenant, create_tenant
from vocafuse_server.audio.errors import DecoderUnavailable
from vocafuse_server.backup_commands import backup_command, restore_command
from vocafuse_server.bootstrap import Bootstrap, new_sign_in_code
from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.data_dir import prepare_data_dir
from vocafuse_server.core.database import Database
from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.keys import encryption_keys, signing_keys
from vocafuse_server.core.logging import configure_logging
from vocafuse_server.core.queue import Queue
from vocafuse_server.core.settings import Settings, default_data_dir, load_settings
from vocafuse_server.key_commands import keys
from vocafuse_server.local_database import database_of, sole_owner
from vocafuse_server.model_commands import fetch, models
from vocafuse_server.schema import migrate as run_migrations
from vocafuse_server.storage.objects import open_objects
from vocafuse_server.supervised import SupervisorLink
from vocafuse_server.supervisor import Supervisor
from vocafuse_server.transcription.catalogue import WeightsError
from vocafuse_server.transcription.engine import TranscriptionError
from vocafuse_server.transcription.hardware import hardware_for
from vocafuse_server.webhook_commands import webhooks

app = typer.Typer(
    name="vocafuse-server",
    help="The voice-notes server.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
tenants = typer.Typer(help="Accounts on this server.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(tenants, name="tenants")
app.add_typer(models, name="model")
app.add_typer(keys, name="keys")
app.add_typer(webhooks, name="webhooks")
app.command("backup")(backup_command)
app.command("restore")(restore_command)

SAMPLE = Path(__file__).parent / "samples" / "voice-note.wav"
SupervisorFd = Annotated[int | None, typer.Option(hidden=True)]


def main() -> None:
    """Run the command; what can't be done ends in one sentence and exit code 1."""
    try:
        app()
    except (StartupError, WeightsError, DecoderUnavailable, TranscriptionError) as error:
        Console(stderr=True, soft_wrap=True).print(f"[bold red]Error:[/] {error}", highlight=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def up() -> None:
    """Run everything on this machine: database, API and worker, until Ctrl-C."""
    settings = _settings()
    prepare_data_dir(settings.data_dir)
    # Told here, in one sentence, rather than by a process that doesn't start.
    open_objects(settings)
    signing_keys(settings)
    encryption_keys(settings)
    with sole_owner(settings.data_dir):
        _prepare_engine(settings)
        supervisor = Supervisor(settings, report=_report, on_ready=_greet)
        asyncio.run(supervisor.run())
    _report("Stopped")


@app.command()
def api(
    supervisor_fd: SupervisorFd = None, socket_fd: Annotated[int | None, typer.Option(hidden=True)] = None
) -> None:
    """Run one API process, for a fleet. Needs VOCAFUSE_DATABASE_URL."""
    import uvloop

    from vocafuse_server.api_server import serve_api

    settings = _settings()
    link = None if supervisor_fd is None else SupervisorLink(supervisor_fd)
    listener = None if socket_fd is None else socket.socket(fileno=socket_fd)
    uvloop.run(serve_api(settings, _database_url(settings), link=link, listener=listener))


@app.command()
def worker(
    supervisor_fd: SupervisorFd = None,
    alone: Annotated[bool, typer.Option(hidden=True)] = False,
    queues: Annotated[
        str, typer.Option(metavar="NAMES", help="The queues it takes jobs off, with commas between.")
    ] = ",".join(Queue),
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Jobs of each queue at a time; else the settings'.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Whisper model, in place of VOCAFUSE_MODEL.")] = None,
) -> None:
    """Run one worker process, for a fleet. Needs VOCAFUSE_DATABASE_URL."""
    from vocafuse_server.worker import Role, run_worker

    role = Role(_parse_queues(queues), concurrency)
    settings = _settings()
    if model is not None:
        settings = settings.model_copy(update={"model": model})
    link = None if supervisor_fd is None else SupervisorLink(supervisor_fd)
    asyncio.run(run_worker(settings, _database_url(settings), link=link, role=role, is_alone=alone))


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    settings = _settings()
    with database_of(settings) as database_url:
        run_migrations(database_url)
    typer.echo("The database is up to date.")


@app.command()
def console() -> None:
    """Print a link that signs in to the first tenant's console, once, within ten minutes."""
    settings = _settings()
    with database_of(settings) as database_url:
        code = asyncio.run(new_sign_in_code(database_url))
    if code is None:
        raise StartupError(
            "The first tenant has no good API key; `vocafuse-server tenants create` makes another."
        )
    typer.echo(_console_address(settings, code))


@tenants.command("create")
def tenants_create(
    name: Annotated[str, typer.Option(help="What the account is called.")],
    plan: Annotated[Plan, typer.Option(help="What the account has subscribed to.")] = Plan.FREE,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make an account and its first key pair. The secret is shown this once."""
    if not name.strip():
        raise typer.BadParameter("must not be empty", param_hint="--name")
    settings = _settings()
    with database_of(settings) as database_url:
        run_migrations(database_url)
        made = asyncio.run(_create_tenant(database_url, name=name, plan=plan))
    fields = {
        "tenant_id": str(made.tenant_id),
        "api_key": made.key_pair.api_key,
        "api_secret": made.key_pair.api_secret,
    }
    typer.echo(
        json.dumps(fields) if as_json else "\n".join(f"{key}: {value}" for key, value in fields.items())
    )


async def _create_tenant(database_url: str, *, name: str, plan: Plan) -> NewTenant:
    database = Database(database_url, pool_size=1)
    try:
        async with database.transaction() as session:
            return await create_tenant(session, name=name, plan=plan, key_pair=new_key_pair(), now=utc_now())
    finally:
        await database.close()


def _parse_queues(names: str) -> frozenset[Queue]:
    try:
        return frozenset(Queue(name.strip()) for name in names.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"must be some of {', '.join(Queue)}, with commas between", param_hint="--queues"
        ) from None


def _settings() -> Settings:
    settings = load_settings()
    configure_logging(settings)
    return settings


def _database_url(settings: Settings) -> str:
    if settings.database_url is None:
        raise StartupError(
            "VOCAFUSE_DATABASE_URL is not set: only `vocafuse-server up` brings a database of its own."
        )
    return settings.database_url.get_secret_value()


def _prepare_engine(settings: Settings) -> None:
    """Say where the audio goes if it leaves this machine; else see what runs the model, and prepare it."""
    if settings.engine == "openai":
        _report(f"Notes are transcribed by {settings.openai_model} at {settings.openai_base_url}")
    else:
        hardware_for(settings)  # Told here, in one sentence, rather than by a process that doesn't start.
        fetch(settings.model, settings.data_dir)
        _report(f"Model {settings.model} ready")


def _report(line: str) -> None:
    Console(stderr=True).print(f"[dim]·[/] {line}", highlight=False)


def _greet(settings: Settings, known: Bootstrap) -> None:
    """What a person needs to go on: where it is, the key pair once, and two lines to paste."""
    out = Console(soft_wrap=True, highlight=False)
    out.print(f"\n[bold]VocaFuse is ready[/] at [link]{settings.base_url}[/link]  (Ctrl-C stops it)\n")
    if known.sign_in_code is not None:
        out.print(f"  Console     [link]{_console_address(settings, known.sign_in_code)}[/link]")
        out.print(
            "              signs in once, within ten minutes; `vocafuse-server console` prints another\n"
        )
    if known.created is not None:
        pair = known.created.key_pair
        out.print(f"  API key     {pair.api_key}\n  API secret  {pair.api_secret}")
        out.print(f"  Shown this once; kept in {known.credentials_file} for clients on this machine.\n")
        out.print("Transcribe a sample with curl:\n")
        out.print(f"  {_curl_line(settings, pair.api_key, pair.api_secret)}\n", markup=False)
    elif known.credentials_file is not None:
        out.print(f"  The key pair is in {known.credentials_file}\n")
    else:
        out.print(
            "  The first tenant's key pair is not known here any more; `vocafuse-server tenants create`"
        )
        out.print("  makes another tenant.\n")
    out.print("Transcribe a sample with the command line client:\n")
    out.print(f"  {_client_line(settings)}\n", markup=False)


def _console_address(settings: Settings, code: str) -> str:
    return f"{settings.base_url.removesuffix('/v1')}/#link={code}"


def _curl_line(settings: Settings, key: str, secret: str) -> str:
    keys = f"-H 'X-VocaFuse-API-Key: {key}' -H 'X-VocaFuse-API-Secret: {secret}'"
    url = f"{settings.base_url}/voicenotes"
    find_id = r"""sed 's/^{"id":"\([^"]*\)".*/\1/'"""
    sample = shlex.quote(f"file=@{_near(SAMPLE)}")
    return (
        f'api() {{ curl -s {keys} "$@"; }}; id=$(api -F {sample} {url} | {find_id}); sleep 0.5;'
        f" api --fail --retry 30 --retry-all-errors {url}/$id/transcription; echo"
    )


def _client_line(settings: Settings) -> str:
    command = Path(sys.executable).parent / "vocafuse"
    line = f"{shlex.quote(_near(command))} upload {shlex.quote(_near(SAMPLE))} --wait"
    is_default = settings.data_dir == default_data_dir()
    return line if is_default else f"VOCAFUSE_DATA_DIR={shlex.quote(str(settings.data_dir))} {line}"


def _near(path: Path) -> str:
    """The path as seen from the current folder, where that is shorter."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    main()
