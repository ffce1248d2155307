"""The wheels of the server and of the client library, installed where this repository can't be seen."""

import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from vocafuse import __version__

pytestmark = pytest.mark.xdist_group("wheels")  # They share one environment.

REPOSITORY = Path(__file__).parents[3]
SOURCES = {
    "vocafuse_server": REPOSITORY / "server" / "src" / "vocafuse_server",
    "vocafuse": REPOSITORY / "sdk" / "python" / "src" / "vocafuse",
}
NAMED = {
    "vocafuse_server": {
        *("console/index.html", "sdk/vocafuse.js", "samples/voice-note.wav", "migrations/env.py"),
        *("dialects/docs/index.html", "dialects/examples.json", "py.typed"),
    },
    "vocafuse": {"py.typed"},
}


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """What is in a folder, by name, through links too (of which pathlib's `rglob` follows none)."""
    for path in folder.iterdir():
        if path.is_dir() and path.name != "__pycache__":
            yield from ((f"{path.name}/{name}", content) for name, content in _files(path))
        elif path.is_file():
            yield path.name, path.read_bytes()


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with both wheels, and these tests' own copies of what they depend on."""
    folder = tmp_path_factory.mktemp("wheels")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    builds = [subprocess.Popen(build, cwd=REPOSITORY / part) for part in ("server", "sdk/python")]
    made = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(made)], check=True)
    assert [running.wait() for running in builds] == [0, 0]
    pip = [sys.executable, "-m", "pip", "--python", str(made / "bin" / "python"), "install", "--quiet"]
    wheels = [str(path) for path in folder.glob("*.whl")]
    subprocess.run([*pip, "--no-index", "--no-deps", "--no-compile", *wheels], check=True)
    # A folder that is named in a .pth file shows its packages, but not what is installed there in place.
    (_site_packages(made) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return made


def _site_packages(environment: Path) -> Path:
    [found] = environment.glob("lib/python*/site-packages")
    return found


def _run(environment: Path, *command: str) -> str:
    done = subprocess.run(
        [str(environment / "bin" / command[0]), *command[1:]],
        cwd=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("package", SOURCES)
def test_a_wheel_holds_every_file_and_what_links_lead_to(environment: Path, package: str) -> None:
    installed = dict(_files(_site_packages(environment) / package))
    assert installed == dict(_files(SOURCES[package]))
    assert NAMED[package] <= set(installed)


def test_the_commands_run_from_the_wheels(environment: Path) -> None:
    assert "migrate" in _run(environment, "vocafuse-server", "--help")
    assert "upload" in _run(environment, "vocafuse", "--help")
    where = "import vocafuse, vocafuse_server as s; print(vocafuse.__file__, s.__file__, s.__version__)"
    *found, version = _run(environment, "python", "-I", "-c", where).split()
    assert [Path(name).is_relative_to(environment) for name in found] == [True, True]
    assert version == __version__
