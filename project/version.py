"""`make version VERSION=1.2.3` sets the version wherever it stands; without an argument it is printed.

Its home is the server's `__init__.py`.
"""

import re
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
HOME = "server/src/vocafuse_server/__init__.py"
# Where the version stands, and the text around it.
PLACES = {
    HOME: r'(?m)^(__version__ = ")([^"]+)(")$',
    "sdk/python/src/vocafuse/_version.py": r'(?m)^(__version__ = ")([^"]+)(")$',
    "sdk/web/vocafuse.js": r'(?m)^(export const VERSION = ")([^"]+)(";)$',
    "deploy/helm/vocafuse/Chart.yaml": r'(?m)^((?:version|appVersion): "?)([^"\n]+)("?)$',
    "openapi.json": r'(?s)^(\{.{,200}?\n    "version": ")([^"]+)(")',
}
# https://semver.org/#is-there-a-suggested-regular-expression-regex-to-check-a-semver-string
SEMANTIC = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?")


def versions() -> dict[str, list[str]]:
    """What each place says; the chart says it twice."""
    return {
        place: [found[2] for found in re.finditer(pattern, (REPOSITORY / place).read_text())]
        for place, pattern in PLACES.items()
    }


def set_version(version: str) -> None:
    """Write it everywhere.

    Raises:
        ValueError: It is no semantic version.
    """
    if not SEMANTIC.fullmatch(version):
        raise ValueError(f"{version} is no semantic version, such as 1.2.3")
    for place, pattern in PLACES.items():
        path = REPOSITORY / place
        path.write_text(re.sub(pattern, rf"\g<1>{version}\g<3>", path.read_text()))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        set_version(sys.argv[1])
    print(*versions()[HOME])
