"""The command `vocafuse-server`."""

import asyncio
import socket
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from vocafuse_server import __version__
from vocafuse_server.audio.errors import DecoderUnavailable
from vocafuse_server.backup_commands import backup_command, restore_command
from vocafuse_server.bootstrap import new_sign_in_code
from vocafuse_server.command_line import AsJson, command_settings, examples, print_json
from vocafuse_server.completion import answer_shells, completion_command
from vocafuse_server.core.data_dir import prepare_data_dir
from vocafuse_server.core.errors import ApiError, StartupError
from vocafuse_server.core.keys import encryption_keys, signing_keys
from vocafuse_server.core.queue import Queue
from vocafuse_server.core.settings import Settings
from vocafuse_server.doctor_command import doctor_command
from vocafuse_server.greeting import console_address, greet
from vocafuse_server.key_commands import keys
from vocafuse_server.local_database import migrated_database, sole_owner
from vocafuse_server.model_commands import fetch, models
from vocafuse_server.schema import head_revision
from vocafuse_server.storage.objects import open_objects
from vocafuse_server.supervised import SupervisorLink
from vocafuse_server.supervisor import Supervisor
from vocafuse_server.tenant_commands import tenants
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
app.add_typer(tenants, name="tenants")
app.add_typer(models, name="model")
app.add_typer(keys, name="keys")
app.add_typer(webhooks, name="webhooks")
app.command(
    "backup",
    epilog=examples(
        "vocafuse-server backup notes.tar", "vocafuse-server backup - | ssh elsewhere 'cat > notes.tar'"
    ),
)(backup_command)
app.command(
    "restore",
    epilog=examples("VOCAFUSE_DATA_DIR=/srv/notes vocafuse-server restore notes.tar"),
)(restore_command)
app.command(
    "doctor",
    epilog=examples(
        "vocafuse-server doctor",
        "vocafuse-server doctor database model",
        "vocafuse-server doctor --json | jq '.checks[] | select(.status != \"ok\")'",
    ),
)(doctor_command)
app.command(
    "completion",
    epilog=examples(
        "source <(vocafuse-server completion bash)",
        "vocafuse-server completion zsh > ~/.zfunc/_vocafuse-server",
        "vocafuse-server completion fish > ~/.config/fish/completions/vocafuse-server.fish",
    ),
)(completion_command)

SupervisorFd = Annotated[int | None, typer.Option(hidden=True)]


def main() -> None:
    """Run the command; what can't be done ends in one sentence and exit code 1."""
    answer_shells()
    try:
        app(prog_name="vocafuse-server")
    except (StartupError, WeightsError, DecoderUnavailable, TranscriptionError, ApiError) as error:
        Console(stderr=True, soft_wrap=True).print(
            f"[bold red]Error:[/] {escape(str(error))}", highlight=False
        )
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


@app.command(
    epilog=examples(
        "vocafuse-server up", "VOCAFUSE_DATA_DIR=/srv/notes VOCAFUSE_PORT=9000 vocafuse-server up"
    )
)
def up() -> None:
    """Run everything on this machine: database, API and worker, until Ctrl-C."""
    settings = command_settings()
    prepare_data_dir(settings.data_dir)
    # Told here, in one sentence, rather than by a process that doesn't start.
    open_objects(settings)
    signing_keys(settings)
    encryption_keys(settings)
    with sole_owner(settings.data_dir):
        _prepare_engine(settings)
        supervisor = Supervisor(settings, report=_report, on_ready=greet)
        asyncio.run(supervisor.run())
    _report("Stopped")


@app.command(epilog=examples("VOCAFUSE_DATABASE_URL=postgresql://… vocafuse-server api"))
def api(
    supervisor_fd: SupervisorFd = None, socket_fd: Annotated[int | None, typer.Option(hidden=True)] = None
) -> None:
    """Run one API process, for a fleet. Needs VOCAFUSE_DATABASE_URL."""
    import uvloop

    from vocafuse_server.api_server import serve_api

    settings = command_settings()
    link = None if supervisor_fd is None else SupervisorLink(supervisor_fd)
    listener = None if socket_fd is None else socket.socket(fileno=socket_fd)
    uvloop.run(serve_api(settings, _database_url(settings), link=link, listener=listener))


@app.command(
    epilog=examples(
        "VOCAFUSE_DATABASE_URL=postgresql://… vocafuse-server worker",
        "vocafuse-server worker --queues transcription --concurrency 4",
    )
)
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
    settings = command_settings()
    if model is not None:
        settings = settings.model_copy(update={"model": model})
    link = None if supervisor_fd is None else SupervisorLink(supervisor_fd)
    asyncio.run(run_worker(settings, _database_url(settings), link=link, role=role, is_alone=alone))


@app.command(epilog=examples("VOCAFUSE_DATABASE_URL=postgresql://… vocafuse-server migrate"))
def migrate(as_json: AsJson = False) -> None:
    """Bring the database's schema up to date, also while the version before serves."""
    with migrated_database(command_settings()):
        revision = head_revision()
    if as_json:
        print_json({"schema": revision})
    else:
        typer.echo(f"The database is up to date ({revision}).")


@app.command(epilog=examples("vocafuse-server console"))
def console(as_json: AsJson = False) -> None:
    """Print a link that signs in to the first tenant's console, once, within ten minutes."""
    settings = command_settings()
    with migrated_database(settings) as database_url:
        code = asyncio.run(new_sign_in_code(database_url))
    if code is None:
        raise StartupError(
            "The first tenant has no good API key; `vocafuse-server tenants new-key` makes another."
        )
    address = console_address(settings, code)
    if as_json:
        print_json({"url": address})
    else:
        typer.echo(address)


def _parse_queues(names: str) -> frozenset[Queue]:
    try:
        return frozenset(Queue(name.strip()) for name in names.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"must be some of {', '.join(Queue)}, with commas between", param_hint="--queues"
        ) from None


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


if __name__ == "__main__":
    main()
