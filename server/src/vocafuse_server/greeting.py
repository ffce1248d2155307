"""What `vocafuse-server up` says once everything runs."""

import shlex
import sys
from pathlib import Path

from rich.console import Console

from vocafuse_server.bootstrap import Bootstrap
from vocafuse_server.core.settings import Settings, default_data_dir
from vocafuse_server.samples import VOICE_NOTE


def greet(settings: Settings, known: Bootstrap) -> None:
    """What a person needs to go on: where it is, the key pair once, and two lines to paste."""
    out = Console(soft_wrap=True, highlight=False)
    out.print(f"\n[bold]VocaFuse is ready[/] at [link]{settings.base_url}[/link]  (Ctrl-C stops it)\n")
    if known.sign_in_code is not None:
        out.print(f"  Console     [link]{console_address(settings, known.sign_in_code)}[/link]")
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
        out.print("  The first tenant's key pair is not known here any more; `vocafuse-server tenants list`")
        out.print("  has its id, and `vocafuse-server tenants new-key ID` makes another.\n")
    out.print("Transcribe a sample with the command line client:\n")
    out.print(f"  {_client_line(settings)}\n", markup=False)


def console_address(settings: Settings, code: str) -> str:
    return f"{settings.base_url.removesuffix('/v1')}/#link={code}"


def _curl_line(settings: Settings, key: str, secret: str) -> str:
    keys = f"-H 'X-VocaFuse-API-Key: {key}' -H 'X-VocaFuse-API-Secret: {secret}'"
    url = f"{settings.base_url}/voicenotes"
    find_id = r"""sed 's/^{"id":"\([^"]*\)".*/\1/'"""
    sample = shlex.quote(f"file=@{_near(VOICE_NOTE)}")
    return (
        f'api() {{ curl -s {keys} "$@"; }}; id=$(api -F {sample} {url} | {find_id}); sleep 0.5;'
        f" api --fail --retry 30 --retry-all-errors {url}/$id/transcription; echo"
    )


def _client_line(settings: Settings) -> str:
    command = Path(sys.executable).parent / "vocafuse"
    line = f"{shlex.quote(_near(command))} upload {shlex.quote(_near(VOICE_NOTE))} --wait"
    is_default = settings.data_dir == default_data_dir()
    return line if is_default else f"VOCAFUSE_DATA_DIR={shlex.quote(str(settings.data_dir))} {line}"


def _near(path: Path) -> str:
    """The path as seen from the current folder, where that is shorter."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
