"""How many processors this process may use.

A container that may use 2 of 64 processors sees all 64: its limit is a quota of its control group. As many
threads as there are processors would then stop one another, again and again, until the quota's next period.
"""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_MEMBERSHIP = Path("/proc/self/cgroup")
_MOUNT = Path("/sys/fs/cgroup")


def usable_cpus() -> int:
    """Whole processors that this process may use, at least one."""
    allowed = len(os.sched_getaffinity(0))
    quota = find_quota(_MEMBERSHIP, _MOUNT)
    return allowed if quota is None else max(1, min(allowed, int(quota)))


def find_quota(membership: Path, mount: Path) -> float | None:
    """The processors that control groups of either version allow; None: no limit.

    A group has its parents' limits too. From inside a container the path may be the host's, of which only
    the container's own group is visible, as the root.

    Args:
        membership: The process's file `cgroup` in /proc.
        mount: Where control groups are mounted.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return None
    quotas = [quota for line in lines for folder in _folders(line, mount) for quota in _quotas(folder)]
    return min(quotas, default=None)


def _folders(line: str, mount: Path) -> Iterator[Path]:
    """The groups that a line `hierarchy:controllers:path` stands for, the parents with them."""
    _, controllers, path = line.split(":", 2)
    if controllers and "cpu" not in controllers.split(","):
        return
    root = mount / ("cpu" if controllers else "")
    inside = PurePosixPath(path.lstrip("/"))
    if ".." in inside.parts:
        inside = PurePosixPath()
    for part in (inside, *inside.parents):
        yield root / part


def _quotas(folder: Path) -> Iterator[float]:
    """The group's limit, if it has one: https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
    and https://docs.kernel.org/scheduler/sched-bwc.html."""
    for files in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        try:
            quota, period = " ".join((folder / name).read_text() for name in files).split()
        except (OSError, ValueError):
            continue
        if quota not in {"max", "-1"}:
            yield int(quota) / int(period)
