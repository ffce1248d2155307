"""The site: it builds strictly, asks nothing of other servers, and its made parts are those of the code."""

import json
import posixpath
import re
import subprocess
import sys
from pathlib import Path

import vocafuse
from project import api_reference, comparison, diagram, links, sdk_reference
from project.code_blocks import pages

REPOSITORY = Path(__file__).parents[2]
LOADED = re.compile(r"<(?:script|img|link|iframe|source)\b[^>]*?\b(?:src|href)=\"?(https?:)?//")


def test_the_site_builds_strictly_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    built = {path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*.html")}
    assert {name: found[0] for name, page in built.items() if (found := LOADED.search(page))} == {}
    for kind in ("Client", "VoiceNote", "RateLimitError"):
        assert f'id="vocafuse.{kind}"' in built["sdk-reference.html"]
    assert '<svg class="parts themed"' in built["architecture.html"]
    assert "examples</a>" not in built["sdk-web.html"]


def test_the_api_reference_has_every_operation() -> None:
    texts = "".join(page.text for page in api_reference.pages())
    assert "`POST /v1/voicenotes`{ .call .post }" in texts
    assert "| `limit` | query | integer, 1 to 100, optional | Default: `50`. |" in texts
    assert "`file_name` | string, 1 to 255 characters |" in texts
    assert '??? example "400 in v1"' in texts
    assert '??? example "429 in OpenAI\'s form"' in texts
    assert "OpenAI's API" in [page.title for page in api_reference.pages()]
    described = json.loads(api_reference.DESCRIPTION.read_text())["paths"]
    calls = [f"{method.upper()} {path}" for path, methods in described.items() for method in methods]
    assert [call for call in calls if f"`{call}`{{ .call" not in texts] == []


def test_the_python_reference_has_every_public_name_and_what_hangs_on_a_client() -> None:
    text = sdk_reference.text()
    public = [name for name in vocafuse.__all__ if isinstance(getattr(vocafuse, name), type)]
    assert [name for name in public if f"\n::: vocafuse.{name}\n" not in text] == []
    assert "| `client.voicenotes` | [VoiceNotes](#" in text
    assert '| `client.voicenotes("id").transcription` | [TranscriptionResource](#' in text


def test_the_diagram_is_that_of_the_code() -> None:
    assert diagram.FILE.read_text() == diagram.svg(), "`make diagram` draws it anew"


def test_an_import_that_follows_from_others_is_not_drawn() -> None:
    edges = {"a": {"b", "c"}, "b": {"c"}, "c": set[str]()}
    assert diagram.without_the_implied(edges) == {"a": {"b"}, "b": {"c"}, "c": set()}


def test_links_lead_to_where_things_are_on_the_site() -> None:
    text = "[a](../../docs/webhooks.md#retries) [b](examples) ![c](../../docs/screenshots/c.png) [d](https://e.test)"
    fenced = "\n```sh\n[b](examples)\n```\n"
    assert links.adapt_links(text + fenced, "sdk-web.md") == (
        "[a](webhooks.md#retries) b ![c](screenshots/c.png) [d](https://e.test)" + fenced
    )
    assert links.adapt_links("[sdk](../sdk/web/README.md)", "recording.md") == "[sdk](sdk-web.md)"


def test_links_lead_to_where_things_are_in_the_repository() -> None:
    made = {page.path for page in api_reference.pages()} | {"sdk-reference.md"}
    there = {f"docs/{path}" for path in made}
    lost: list[str] = []
    for page in [*pages(), "CHANGELOG.md"]:
        text = links.FENCED.sub("", (REPOSITORY / page).read_text())
        for link in links.LINK.finditer(text):
            target = link["target"].partition("#")[0]
            found = posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
            if target and ":" not in target and found not in there and not (REPOSITORY / found).exists():
                lost.append(f"{page}: {target}")
    assert lost == []


def test_the_readme_has_the_figures_that_were_measured() -> None:
    readme = comparison.README.read_text()
    assert comparison.written_in(readme) == readme, "`make comparison` writes them anew"
    assert "faster-whisper, defaults |" in readme
