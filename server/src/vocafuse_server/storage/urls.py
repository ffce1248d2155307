"""URLs that strangers chose, read in one way only."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpcore2

# Stricter than any parser, so that no two of them can read it differently.
_AUTHORITY = re.compile(r"(?:[0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")


class ForbiddenAddress(Exception):
    """The URL leads, or may lead, to an address that strangers must not reach."""


@dataclass(frozen=True, slots=True)
class HttpUrl:
    """An http(s) URL, in the parts that a call is made of.

    Attributes:
        host: Without the brackets of an IPv6 address.
        authority: Host and port as in the URL, for the header `Host`.
        target: Path and query.
    """

    scheme: str
    host: str
    port: int
    authority: str
    target: str

    def wire(self) -> httpcore2.URL:
        """The URL as httpcore takes it, so that it parses nothing again."""
        return httpcore2.URL(scheme=self.scheme, host=self.host, port=self.port, target=self.target)


def parse_url(url: str) -> HttpUrl:
    """The parts of an http(s) URL; the fragment is dropped.

    Raises:
        ForbiddenAddress: It is another kind of URL, holds credentials, or could be read in two ways.
    """
    if not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
        raise ForbiddenAddress("must hold printable ASCII characters only, and no space or backslash")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ForbiddenAddress("is not a valid URL") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise ForbiddenAddress("must be an http or https URL")
    if "@" in parts.netloc:
        raise ForbiddenAddress("must not hold a user name or password")
    if not _AUTHORITY.fullmatch(parts.netloc):
        raise ForbiddenAddress("has a host name that is not valid")
    if port == 0:
        raise ForbiddenAddress("must not name port 0")
    return HttpUrl(
        scheme=parts.scheme,
        host=host,
        port=port or (443 if parts.scheme == "https" else 80),
        authority=parts.netloc,
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
    )
