"""What is shipped has a licence that is listed, and one version."""

import json
import re

import pytest

import vocafuse
import vocafuse_server
from project import licences, version

ROW = re.compile(r"^\| (?P<name>[\w.-]+) \| (?P<versions>[^|`]+) \| (?P<licence>[^|]+) \|$", re.MULTILINE)


def test_every_package_that_is_shipped_is_listed_with_its_licence() -> None:
    listed = {
        row["name"]: (row["versions"], row["licence"]) for row in ROW.finditer(licences.FILE.read_text())
    }
    del listed["package"], listed["what"]  # the heads of the tables
    pinned = licences.pinned()
    assert {name: versions for name, (versions, _) in listed.items()} == {
        name: " or ".join(versions) for name, versions in pinned.items()
    }, "`make licences` writes it anew"
    # What another Python would install may say something else of itself.
    same = [name for name, versions in pinned.items() if len(versions) == 1]
    assert {name: listed[name][1] for name in same} == {name: licences.licence_of(name) for name in same}


def test_what_others_made_and_we_carry_is_listed() -> None:
    text = licences.FILE.read_text()
    vendored = (licences.REPOSITORY / "console" / "page" / "vendor").glob("*.js")
    assert [path.name for path in vendored if path.name not in text] == []
    assert [what for what, _, _ in licences.INSIDE if what not in text] == []
    packages = set(licences.pinned())
    for _, where, _ in licences.INSIDE:
        name = where.split(",")[0]
        assert name in packages or (licences.REPOSITORY / name).exists()


def test_the_version_is_one_everywhere() -> None:
    said = {one for versions in version.versions().values() for one in versions}
    assert said == {vocafuse_server.__version__} == {vocafuse.__version__}
    assert all(version.versions().values())
    assert version.SEMANTIC.fullmatch(vocafuse_server.__version__)
    described = json.loads((version.REPOSITORY / "openapi.json").read_text())
    assert described["info"]["version"] == vocafuse_server.__version__


def test_only_a_semantic_version_can_be_set() -> None:
    with pytest.raises(ValueError, match="no semantic version"):
        version.set_version("1.2")
    assert version.SEMANTIC.fullmatch("1.2.3-rc.1")
