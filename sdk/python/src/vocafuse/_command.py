"""The command `vocafuse`, or how to get it: it needs more than the library does."""

from __future__ import annotations

import sys
from importlib import import_module

INTERRUPTED = 130


def main() -> None:
    """Runs the command line."""
    try:
        for package in ("rich", "typer"):
            import_module(package)
        # Only now, as importing the commands imports those packages.
        from vocafuse._cli.app import run

        run()
    except ModuleNotFoundError as error:
        if error.name not in {"rich", "typer"}:
            raise
        sys.stderr.write('The command line needs two more packages: pip install "vocafuse[cli]"\n')
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
