"""MkDocs' hooks: what the site shows besides the files in docs/."""

from pathlib import Path
from typing import cast

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from project import api_reference, sdk_reference
from project.links import BROUGHT_IN, adapt_links

REPOSITORY = Path(__file__).resolve().parents[1]
API_PAGES = "api/*"
PICTURE = "![The server's parts and what they import](architecture.svg)"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the API's pages, one for each of its parts, where the nav wants them."""
    config["nav"] = _with_api_pages(cast("object", config["nav"]))
    return config


def _with_api_pages(nav: object) -> object:
    if isinstance(nav, list):
        return [_with_api_pages(entry) for entry in cast("list[object]", nav)]
    if isinstance(nav, dict):
        return {title: _with_api_pages(target) for title, target in cast("dict[str, object]", nav).items()}
    return [{page.title: page.path} for page in api_reference.pages()] if nav == API_PAGES else nav


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Bring in what lies elsewhere, and make what is made."""
    for path, on_site in BROUGHT_IN.items():
        files.append(File.generated(config, on_site, abs_src_path=str(REPOSITORY / path)))
    made = {page.path: page.text for page in api_reference.pages()}
    made["sdk-reference.md"] = sdk_reference.text()
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links lead to where things are on the site, and put the diagram in where its picture stands."""
    if page.file.generated_by and page.file.src_uri not in BROUGHT_IN.values():
        return markdown
    adapted = adapt_links(markdown, page.file.src_uri)
    return adapted.replace(PICTURE, _inline_diagram()) if PICTURE in adapted else adapted


def _inline_diagram() -> str:
    """In the page and not beside it, so that it follows the page's own switch between light and dark."""
    drawn = (
        (REPOSITORY / "docs" / "architecture.svg")
        .read_text()
        .replace('class="parts"', 'class="parts themed"')
    )
    return f"<figure>{''.join(drawn.splitlines())}</figure>"
