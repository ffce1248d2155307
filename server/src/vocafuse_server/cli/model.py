"""`vocafuse-server model`: which models there are, and getting one before it is needed."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from vocafuse_server.cli.conventions import (
    AsJson,
    command_settings,
    examples,
    plain,
    print_json,
    print_rows,
    tell,
)
from vocafuse_server.core.data_dir import prepare_data_dir
from vocafuse_server.transcription.catalogue import PackagedModel, source_of
from vocafuse_server.transcription.weights import (
    Entry,
    ModelFiles,
    State,
    find_marker,
    list_models,
    resolve_model,
)

command = plain("Speech models on this machine.")
_STATES = {
    State.READY: "ready",
    State.INSTALLED: "installed, put together at first use",
    State.ABSENT: "not here",
}


@command.command("list", epilog=examples("vocafuse-server model list", "vocafuse-server model list --json"))
def list_command(as_json: AsJson = False) -> None:
    """The models that are known by a name, and those that are here. Others are fetched by name."""
    settings = command_settings()
    entries = list_models(settings.data_dir)
    if as_json:
        print_json([_fields(entry, selected=settings.model) for entry in entries])
        return
    print_rows(("NAME", "SIZE", "STATE", "FROM"), [_row(entry) for entry in entries])
    tell(f"VOCAFUSE_MODEL is {settings.model}.")


@command.command(
    "fetch",
    epilog=examples(
        "vocafuse-server model fetch small", "vocafuse-server model fetch openai/whisper-tiny --json"
    ),
)
def fetch_command(
    name: Annotated[str, typer.Argument(help="A known name, or that of a model on the hub.")],
    as_json: AsJson = False,
) -> None:
    """Put a model into the data directory, and prove that it is the published one."""
    settings = command_settings()
    prepare_data_dir(settings.data_dir)
    files = fetch(name, settings.data_dir)
    source = source_of(name)
    marker = None if isinstance(source, Path) else find_marker(files.path, source)
    if as_json:
        known = {"size_bytes": marker.size, "sha256": marker.sha256} if marker else {}
        print_json({"name": files.name, "path": str(files.path), **known})
    elif marker:
        typer.echo(f"Model {files.name} is in {files.path} (sha256 {marker.sha256}).")
    else:
        typer.echo(f"The folder {files.path} is used as it is.")


def fetch(model: str, data_dir: Path) -> ModelFiles:
    """Put a model together, with a bar where somebody watches."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"Model {model}", total=None)
        return resolve_model(
            model,
            data_dir=data_dir,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )


def _row(entry: Entry) -> tuple[str, str, str, str]:
    size = f"{entry.size_bytes / 1e6:.0f} MB" if entry.size_bytes else "?"
    return entry.name, size, _STATES[entry.state], _origin(entry)


def _origin(entry: Entry) -> str:
    if isinstance(entry.source, PackagedModel):
        return f"pip install {entry.source.install}"
    return f"the hub: {entry.source.repository}"


def _fields(entry: Entry, *, selected: str) -> dict[str, object]:
    source = entry.source
    return {
        "name": entry.name,
        "selected": entry.name == selected,
        "state": entry.state.value,
        "size_bytes": entry.size_bytes,
        "sha256": source.sha256,
        "source": "packages" if isinstance(source, PackagedModel) else "hub",
        "from": source.install.split() if isinstance(source, PackagedModel) else [source.repository],
        "path": str(entry.path) if entry.state is State.READY else None,
    }
