"""`vocafuse-server up`: everything on this machine."""

import asyncio

from rich.console import Console

from vocafuse_server.cli.conventions import command_settings, examples, plain
from vocafuse_server.cli.model import fetch
from vocafuse_server.core.data_dir import prepare_data_dir
from vocafuse_server.core.keys import encryption_keys, signing_keys
from vocafuse_server.core.settings import Settings
from vocafuse_server.greeting import greet
from vocafuse_server.local_database import sole_owner
from vocafuse_server.storage.objects import open_objects
from vocafuse_server.supervisor import Supervisor
from vocafuse_server.transcription.hardware import hardware_for

command = plain()


@command.command(
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
