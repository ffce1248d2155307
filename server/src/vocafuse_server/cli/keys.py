"""`vocafuse-server keys`: which keys sign and seal, and replacing them."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from vocafuse_server.cli.conventions import (
    AsJson,
    command_settings,
    examples,
    plain,
    print_json,
    print_rows,
)
from vocafuse_server.core.data_dir import prepare_data_dir
from vocafuse_server.core.database import Database
from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.keys import DatedKey, KeyFile, encryption_key_file, signing_key_file
from vocafuse_server.core.secret_box import SecretBox
from vocafuse_server.core.settings import Settings
from vocafuse_server.local_database import migrated_database
from vocafuse_server.webhooks.sealing import seal_all_anew

command = plain("Keys that sign tokens and seal secrets.")


class Purpose(StrEnum):
    SIGNING = "signing"
    ENCRYPTION = "encryption"


@dataclass(frozen=True, slots=True)
class _Known:
    """What is told of a key: where it is set, or how it stands in its file."""

    purpose: Purpose
    variable: str | None = None
    dated: DatedKey | None = None
    good_until: datetime | None = None


@command.command("list", epilog=examples("vocafuse-server keys list", "vocafuse-server keys list --json"))
def list_command(as_json: AsJson = False) -> None:
    """List the keys by their ids, newest first, and until when replaced ones are good."""
    settings = _settings()
    known = [one for purpose in Purpose for one in _known(settings, purpose)]
    if as_json:
        print_json([_fields(one) for one in known])
    else:
        print_rows(("PURPOSE", "ID", "MADE (UTC)", "STATE"), [_row(one) for one in known])


def _known(settings: Settings, purpose: Purpose) -> list[_Known]:
    if _is_given(settings, purpose):
        return [_Known(purpose, variable=_variable(purpose))]
    file = _file(settings, purpose)
    return [_Known(purpose, dated=one, good_until=file.good_until(one)) for one in file.dated_keys()]


def _row(one: _Known) -> tuple[object, ...]:
    if one.dated is None:
        return one.purpose, "", "", f"set by {one.variable}"
    state = "in use" if one.good_until is None else f"good until {one.good_until:%Y-%m-%d %H:%M}"
    made_at = one.dated.made_at
    return one.purpose, one.dated.key.id, f"{made_at:%Y-%m-%d %H:%M}" if made_at else "", state


def _fields(one: _Known) -> dict[str, str | None]:
    made_at = one.dated and one.dated.made_at
    return {
        "purpose": one.purpose.value,
        "id": one.dated and one.dated.key.id,
        "made_at": made_at and made_at.isoformat(),
        "good_until": one.good_until and one.good_until.isoformat(),
        "set_by": one.variable,
    }


@command.command(
    "rotate",
    epilog=examples("vocafuse-server keys rotate", "vocafuse-server keys rotate encryption --json"),
)
def rotate_command(
    purpose: Annotated[Purpose, typer.Argument(help="Which key to replace.")] = Purpose.SIGNING,
    forget_old: Annotated[
        bool,
        typer.Option(
            "--forget-old",
            help="Drop the old keys at once, because somebody has them: all tokens and upload URLs end.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Replace a key, while the server runs or while it doesn't. What the old one has signed stays good."""
    settings = _settings()
    if _is_given(settings, purpose):
        raise StartupError(
            f"The key is set by {_variable(purpose)}: replace it there (docs/authentication.md)."
        )
    file = _file(settings, purpose)
    sealed: int | None = None
    if purpose is Purpose.SIGNING:
        made = file.rotate(forget_old=forget_old)
    else:
        made = file.rotate()
        sealed = _seal_anew(settings, file)
        if forget_old:
            file.forget_old()
    if as_json:
        print_json({"purpose": purpose.value, "id": made.id, "webhooks_sealed": sealed})
        return
    if sealed is not None:
        typer.echo(f"The secrets of {sealed} webhook(s) are sealed with it.")
    typer.echo(f"The {purpose} key is {made.id} now.")


def _seal_anew(settings: Settings, file: KeyFile) -> int:
    async def seal(database_url: str) -> int:
        database = Database(database_url, pool_size=1)
        try:
            return await seal_all_anew(database, SecretBox(file))
        finally:
            await database.close()

    with migrated_database(settings) as database_url:
        return asyncio.run(seal(database_url))


def _file(settings: Settings, purpose: Purpose) -> KeyFile:
    return signing_key_file(settings) if purpose is Purpose.SIGNING else encryption_key_file(settings)


def _is_given(settings: Settings, purpose: Purpose) -> bool:
    given = settings.signing_key if purpose is Purpose.SIGNING else settings.encryption_key
    return given is not None


def _variable(purpose: Purpose) -> str:
    return f"VOCAFUSE_{purpose.upper()}_KEY"


def _settings() -> Settings:
    settings = command_settings()
    prepare_data_dir(settings.data_dir)
    return settings
