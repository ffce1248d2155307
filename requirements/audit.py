"""`make audit`: known vulnerabilities of the pinned packages, asked of OSV (https://osv.dev).

Without a way there it says so and passes: a build must not depend on a network. A finding fails.
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_HERE = Path(__file__).parent
# How pip-audit says that it got no answer.
_UNREACHABLE = re.compile(
    r"Could not connect|ConnectionError|Connection refused|timed out|Timeout|Max retries exceeded"
    r"|NameResolutionError|ProxyError|Tunnel connection failed|SSLError"
)


def main(options: Sequence[str]) -> int:
    """Audit both lock files; returns the exit code.

    Args:
        options: Handed on to pip-audit.
    """
    requirements = [part for name in ("run", "dev") for part in ("-r", str(_HERE / f"{name}.txt"))]
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes"),
            *("--vulnerability-service", "osv", "--format", "json", "--timeout", "5"),
            *("--progress-spinner", "off", *requirements, *options),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return judge(ran.stdout, ran.stderr)


def judge(found: str, said: str) -> int:
    """The exit code for what pip-audit found and said."""
    try:
        packages = json.loads(found)["dependencies"]
    except (ValueError, KeyError):
        if not _UNREACHABLE.search(said):
            _say(f"pip-audit failed:\n{said}")
            return 1
        _say("Audit SKIPPED: the vulnerability database can't be reached from here.")
        return 0
    vulnerable = [one for one in packages if one.get("vulns")]
    for one in vulnerable:
        names = ", ".join(vulnerability["id"] for vulnerability in one["vulns"])
        _say(f"{one['name']} {one['version']}: {names}")
    _say(f"Audited {len(packages)} packages: {len(vulnerable)} with known vulnerabilities.")
    return 1 if vulnerable else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
