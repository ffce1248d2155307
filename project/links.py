"""Where a link of a page in the repository leads on the site."""

import posixpath
import re
from collections.abc import Callable

# What lies outside of docs/ and is on the site as well: path in the repository, path on the site.
BROUGHT_IN = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "console/page/icon.svg": "assets/icon.svg",
    "deploy/README.md": "deploying.md",
    "openapi.json": "openapi.json",
    "sdk/python/README.md": "sdk-python.md",
    "sdk/web/README.md": "sdk-web.md",
}
FROM_ELSEWHERE = {on_site: path for path, on_site in BROUGHT_IN.items()}
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\[\]]*)\]\((?P<target>[^()\s]+)\)")
FENCED = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)


def in_repository(on_site: str) -> str:
    """The path in the repository of what the site has at a path."""
    return FROM_ELSEWHERE.get(on_site, f"docs/{on_site}")


def on_site(path: str) -> str | None:
    """The other way round; None for what the site doesn't have."""
    if path in BROUGHT_IN:
        return BROUGHT_IN[path]
    return path.removeprefix("docs/") if path.startswith("docs/") else None


def adapt_links(markdown: str, page: str) -> str:
    """A page's text with the links that it needs on the site.

    What the site doesn't have, such as code, is named and not linked: the site doesn't know where the
    repository is.

    Args:
        markdown: The page as it is in the repository.
        page: Where the site has it.
    """
    parts = FENCED.split(markdown)
    parts[::2] = [LINK.sub(_adapted(page), part) for part in parts[::2]]
    return "".join(parts)


def _adapted(page: str) -> Callable[[re.Match[str]], str]:
    folder = posixpath.dirname(in_repository(page))

    def adapt(link: re.Match[str]) -> str:
        target, _, anchor = link["target"].partition("#")
        if not target or ":" in target:
            return link[0]
        found = on_site(posixpath.normpath(posixpath.join(folder, target)))
        if found is None:
            return link["text"]
        relative = posixpath.relpath(found, posixpath.dirname(page) or ".")
        return f"{link['image']}[{link['text']}]({relative}{anchor and '#' + anchor})"

    return adapt
