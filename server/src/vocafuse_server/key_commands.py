"""`vocafuse-server keys`: which keys sign and seal, and replacing them."""

import asyncio
from enum import StrEnum
from typing import Annotated

import typer

from vocafuse_server.core.data_dir import prepare_data_dir
from vocafuse_server.core.database import Database
from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.keys import KeyFile, encryption_key_file, signing_key_file
from vocafuse_server.core.logging import configure_logging
from vocafuse_server.core.secret_box import SecretBox
from vocafuse_server.core.settings import Settings, load_settings
from vocafuse_server.local_database import database_of
from vocafuse_server.schema import migrate
from vocafuse_server.webhooks.sealing import seal_all_anew

keys = typer.Typer(
    help="Keys that sign tokens and seal secrets.", no_args_is_help=True, rich_markup_mode=None
)


class Purpose(StrEnum):
    SIGNING = "signing"
    ENCRYPTION = "encryption"


@keys.command("list")
def list_command() -> None:
    """The keys by their ids, newest first, and until when replaced ones are good."""
    settings = _settings()
    for purpose in Purpose:
        if _is_given(settings, purpose):
            typer.echo(f"{purpose}  set by {_variable(purpose)}")
            continue
        file = _file(settings, purpose)
        for one in file.dated_keys():
            until = file.good_until(one)
            made = "before keys had dates" if one.made_at is None else f"{one.made_at:%Y-%m-%d %H:%M} UTC"
            state = "in use" if until is None else f"good until {until:%Y-%m-%d %H:%M} UTC"
            typer.echo(f"{purpose}  {one.key.id}  made {made}  {state}")


@keys.command("rotate")
def rotate_command(
    purpose: Annotated[Purpose, typer.Argument(help="Which key to replace.")] = Purpose.SIGNING,
    forget_old: Annotated[
        bool,
        typer.Option(
            "--forget-old",
            help="Drop the old keys at once, because somebody has them: all tokens and upload URLs end.",
        ),
    ] = False,
) -> None:
    """Replace a key, while the server runs or while it doesn't. What the old one has signed stays good."""
    settings = _settings()
    if _is_given(settings, purpose):
        raise StartupError(
            f"The key is set by {_variable(purpose)}: replace it there (docs/authentication.md)."
        )
    file = _file(settings, purpose)
    if purpose is Purpose.SIGNING:
        made = file.rotate(forget_old=forget_old)
    else:
        made = file.rotate()
        sealed = _seal_anew(settings, file)
        typer.echo(f"The secrets of {sealed} webhook(s) are sealed with it.")
        if forget_old:
            file.forget_old()
    typer.echo(f"The {purpose} key is {made.id} now.")


def _seal_anew(settings: Settings, file: KeyFile) -> int:
    async def seal(database_url: str) -> int:
        database = Database(database_url, pool_size=1)
        try:
            return await seal_all_anew(database, SecretBox(file))
        finally:
            await database.close()

    with database_of(settings) as database_url:
        migrate(database_url)
        return asyncio.run(seal(database_url))


def _file(settings: Settings, purpose: Purpose) -> KeyFile:
    return signing_key_file(settings) if purpose is Purpose.SIGNING else encryption_key_file(settings)


def _is_given(settings: Settings, purpose: Purpose) -> bool:
    given = settings.signing_key if purpose is Purpose.SIGNING else settings.encryption_key
    return given is not None


def _variable(purpose: Purpose) -> str:
    return f"VOCAFUSE_{purpose.upper()}_KEY"


def _settings() -> Settings:
    settings = load_settings()
    configure_logging(settings)
    prepare_data_dir(settings.data_dir)
    return settings
