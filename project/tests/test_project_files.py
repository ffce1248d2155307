"""Files that only other programs read: they have the form that these want, and name what exists."""

import re
from pathlib import Path

import pytest
from mkdocs.utils.yaml import yaml_load  # pyright: ignore[reportUnknownVariableType]  # of its stream

REPOSITORY = Path(__file__).parents[2]
TARGETS = set(re.findall(r"^([a-z0-9]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
CHANGES = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_hooks_before_a_commit_call_what_ci_calls() -> None:
    [source] = yaml_load((REPOSITORY / ".pre-commit-config.yaml").read_text())["repos"]
    entries = [hook["entry"] for hook in source["hooks"]]
    assert source["repo"] == "local"
    assert entries == ["make lint", "make types", "make web"]
    [checked] = re.findall(r"^CHECKS := (.+)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    assert {entry.removeprefix("make ") for entry in entries} <= set(checked.split())


@pytest.mark.parametrize("name", ["bug_report.yml", "feature_request.yml"])
def test_forms_for_issues_have_their_parts(name: str) -> None:
    form = yaml_load((REPOSITORY / ".github" / "ISSUE_TEMPLATE" / name).read_text())
    assert {"name", "description", "body"} <= set(form)
    fields = [part for part in form["body"] if part["type"] != "markdown"]
    assert all(part["id"] and part["attributes"]["label"] for part in fields)
    assert any(part.get("validations", {}).get("required") for part in fields)


@pytest.mark.parametrize(
    "name", ["CONTRIBUTING.md", "README.md", "SECURITY.md", ".github/PULL_REQUEST_TEMPLATE.md"]
)
def test_every_target_that_is_named_exists(name: str) -> None:
    text = (REPOSITORY / name).read_text()
    named = set(re.findall(r"`make ([a-z0-9]+)[` ]|^make ([a-z0-9]+)", text, re.MULTILINE))
    assert {target for pair in named for target in pair if target} <= TARGETS


def test_what_contributing_names_exists() -> None:
    text = (REPOSITORY / "CONTRIBUTING.md").read_text().replace("NAME.py", "remote.py")
    named = re.findall(r"`([\w/]+\.(?:py|md|json|yml))(?::(\w+))?`", text)
    homes = [REPOSITORY / home for home in ("", "server/src/vocafuse_server", "server/tests")]
    checked = [(name, function) for name, function in named if "/" in name or function]
    assert len(checked) > 20
    for name, function in checked:
        sources = [(home / name).read_text() for home in homes if (home / name).is_file()]
        assert [f"def {function}" in source or not function for source in sources] == [True], (name, function)


def test_the_changelog_keeps_its_form() -> None:
    text = (REPOSITORY / "CHANGELOG.md").read_text()
    releases = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert releases[0] == "[Unreleased]"
    assert [
        one for one in releases[1:] if not re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", one)
    ] == []
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= CHANGES
