"""The processors that control groups leave to a process, from files as Linux writes them."""

import os
from pathlib import Path

import pytest

from vocafuse_server.core.cpus import find_quota, usable_cpus

HYBRID = "9:name=systemd:/\n4:cpuset:/docker/abc\n3:cpu,cpuacct:/docker/abc\n0::/docker/abc\n"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


@pytest.mark.parametrize(
    ("membership", "files", "quota"),
    [
        pytest.param("0::/\n", {"cpu.max": "200000 100000\n"}, 2.0, id="a container"),
        pytest.param("0::/\n", {"cpu.max": "max 100000\n"}, None, id="a container without a limit"),
        pytest.param("0::/\n", {}, None, id="the root group, which has no such file"),
        pytest.param(
            "0::/system.slice/notes.service\n",
            {"system.slice/cpu.max": "150000 100000\n", "system.slice/notes.service/cpu.max": "max 100000\n"},
            1.5,
            id="a service in a slice with a limit",
        ),
        pytest.param(
            HYBRID,
            {"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"},
            4.0,
            id="version 1, seen from inside: the path is the host's",
        ),
        pytest.param(
            HYBRID,
            {
                "cpu/cpu.cfs_quota_us": "-1\n",
                "cpu/cpu.cfs_period_us": "100000\n",
                "cpu/docker/abc/cpu.cfs_quota_us": "50000\n",
                "cpu/docker/abc/cpu.cfs_period_us": "100000\n",
            },
            0.5,
            id="version 1, seen from the host",
        ),
        pytest.param(
            "0::/../elsewhere\n", {"cpu.max": "300000 100000\n"}, 3.0, id="a group outside of what is visible"
        ),
    ],
)
def test_the_smallest_quota_counts(
    tmp_path: Path, membership: str, files: dict[str, str], quota: float | None
) -> None:
    mount = write(tmp_path / "mount", files)
    mount.mkdir(exist_ok=True)
    write(tmp_path, {"cgroup": membership})
    assert find_quota(tmp_path / "cgroup", mount) == quota


def test_without_control_groups_there_is_no_quota(tmp_path: Path) -> None:
    assert find_quota(tmp_path / "cgroup", tmp_path) is None


def test_what_may_be_used_is_at_least_one_and_no_more_than_the_affinity() -> None:
    assert 1 <= usable_cpus() <= len(os.sched_getaffinity(0))
