"""`vocafuse-server doctor`: looks at the installation and says what to do."""

import sys
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from vocafuse_server.cli.conventions import AsJson, examples, one_line, plain, print_json
from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.logging import configure_logging
from vocafuse_server.core.settings import load_settings
from vocafuse_server.doctor.findings import CHECK_NAMES, Finding, Status, failed

command = plain()

_MARKS = {Status.OK: "[green]✓[/]", Status.WARNING: "[yellow]![/]", Status.FAILED: "[red]✗[/]"}
_Found = tuple[str, Finding]


@command.command(
    epilog=examples(
        "vocafuse-server doctor",
        "vocafuse-server doctor database model",
        "vocafuse-server doctor --json | jq '.checks[] | select(.status != \"ok\")'",
    )
)
def doctor(
    checks: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CHECK]...", help=f"Some of {', '.join(CHECK_NAMES)}; else all."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check this installation, and say what to do where something is wrong."""
    names = checks or []
    if unknown := [name for name in names if name not in CHECK_NAMES]:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(CHECK_NAMES)}", param_hint="CHECK")
    found: list[_Found] = []
    for one in _examined(names):
        found.append(one)
        if not as_json:
            _print(*one)
    is_sound = all(finding.status is not Status.FAILED for _, finding in found)
    if as_json:
        print_json({"ok": is_sound, "checks": [_fields(*one) for one in found]})
    elif sys.stdout.isatty():
        _sum_up([finding.status for _, finding in found])
    if not is_sound:
        raise typer.Exit(1)


def _examined(names: list[str]) -> Iterator[_Found]:
    try:
        settings = load_settings()
    except StartupError as error:
        yield "settings", failed(str(error), "Correct the variable; docs/settings.md says what it takes.")
        return
    configure_logging(settings.model_copy(update={"log_level": "error"}))
    # Only now: it imports all that the worker does.
    from vocafuse_server.doctor.examination import examine

    yield from examine(settings, names)


def _print(name: str, finding: Finding) -> None:
    if not sys.stdout.isatty():
        row = (finding.status, name, finding.message, finding.remedy)
        typer.echo("\t".join(map(one_line, row)))
        return
    out = Console(highlight=False)
    out.print(f"{_MARKS[finding.status]} [bold]{name:13}[/] {escape(one_line(finding.message))}")
    if finding.remedy is not None:
        out.print(f"  {'':13} → {escape(one_line(finding.remedy))}")


def _sum_up(states: list[Status]) -> None:
    wrong, doubtful = states.count(Status.FAILED), states.count(Status.WARNING)
    if wrong:
        line = f"{wrong} of {len(states)} findings must be mended."
    elif doubtful:
        line = f"It works. {doubtful} of {len(states)} findings deserve a look."
    else:
        line = "All is well."
    typer.echo(f"\n{line}")


def _fields(name: str, finding: Finding) -> dict[str, str | None]:
    return {
        "check": name,
        "status": finding.status.value,
        "message": finding.message,
        "remedy": finding.remedy,
    }
