"""`vocafuse-server worker`: one worker process."""

import asyncio
from typing import Annotated

import typer

from vocafuse_server.cli.conventions import command_settings, examples, plain
from vocafuse_server.cli.processes import SupervisorFd, database_url_of, link_to
from vocafuse_server.core.queue import Queue
from vocafuse_server.worker import Role, run_worker

command = plain()


@command.command(
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
    role = Role(_parse_queues(queues), concurrency)
    settings = command_settings()
    if model is not None:
        settings = settings.model_copy(update={"model": model})
    link = link_to(supervisor_fd)
    asyncio.run(run_worker(settings, database_url_of(settings), link=link, role=role, is_alone=alone))


def _parse_queues(names: str) -> frozenset[Queue]:
    try:
        return frozenset(Queue(name.strip()) for name in names.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"must be some of {', '.join(Queue)}, with commas between", param_hint="--queues"
        ) from None
