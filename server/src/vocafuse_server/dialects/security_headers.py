"""What every answer tells a browser not to do with it."""

from collections.abc import Sequence
from urllib.parse import urlsplit

Headers = Sequence[tuple[bytes, bytes]]

# Answers of the API are data: nothing of them is run, shown within a page or kept, whatever a browser takes
# them for. `sandbox` is for audio that is a page as well, and is opened as one.
API_HEADERS: Headers = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; sandbox"),
    (b"cache-control", b"no-store"),
)
# Only over https, where it can be believed. Subdomains are not ours to speak for.
_HSTS = (b"strict-transport-security", b"max-age=31536000")
# Scripts as well: a worker has the policy that came with its script.
_PAGES = (b"text/html", b"text/javascript", b"application/javascript")


class SecurityHeaders:
    """Knows the headers that an answer lacks; what a route has said itself stays.

    Args:
        public_url: Where clients reach the server, if that was set: pages send recordings there.
    """

    def __init__(self, public_url: str | None) -> None:
        self._of_pages: Headers = (
            *API_HEADERS[:3],
            (b"content-security-policy", _page_policy(public_url).encode()),
            (b"permissions-policy", b"microphone=(self), camera=(), geolocation=()"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cache-control", b"no-cache"),
        )

    def missing_from(self, headers: Headers, *, scheme: str) -> list[tuple[bytes, bytes]]:
        """What to add to an answer with these headers; their names are in lower case."""
        given = dict(headers)
        is_page = given.get(b"content-type", b"").startswith(_PAGES)
        added = [one for one in (self._of_pages if is_page else API_HEADERS) if one[0] not in given]
        return [*added, _HSTS] if scheme == "https" else added


def _page_policy(public_url: str | None) -> str:
    origin = ""
    if public_url is not None:
        parts = urlsplit(public_url)
        origin = f" {parts.scheme}://{parts.netloc}"
    return "; ".join(
        [
            "default-src 'none'",
            *(f"{kind}-src 'self'" for kind in ("script", "style", "worker", "font", "manifest")),
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            f"connect-src 'self'{origin}",
            *("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"),
        ]
    )
