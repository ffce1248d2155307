"""What schemathesis does differently here: where URLs that it makes up lead to, and what is no failure."""

from typing import Any, cast
from urllib.parse import quote

import schemathesis
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import UseAfterFree

KEY_PATH = "/v1/account/api-keys/{api_key_id}"
NOBODY = "http://127.0.0.1:9"  # The port for throwing away.
MAX_LENGTH = 2048


@schemathesis.hook  # pyright: ignore[reportUnknownMemberType] - takes any callable, says its types
def before_call(
    context: schemathesis.HookContext, case: "schemathesis.Case[Any]", kwargs: dict[str, Any]
) -> None:
    """Keep all that could be delivered or fetched on this machine; what is no URL stays what it is."""
    if not isinstance(case.body, dict):
        return
    body = cast("dict[str, object]", case.body)
    for field in ("url", "audioUrl"):
        url = body.get(field)
        if isinstance(url, str) and url.lower().startswith("http"):
            kept = f"{NOBODY}/{quote(url, safe='')}"
            body[field] = kept if len(url) > MAX_LENGTH else kept[:MAX_LENGTH]


@schemathesis.hook  # pyright: ignore[reportUnknownMemberType] - takes any callable, says its types
def filter_failure(
    context: schemathesis.HookContext,
    failure: Failure,
    case: "schemathesis.Case[Any]",
    response: schemathesis.Response,
) -> bool:
    """An API key that is deleted is revoked, and stays to be seen with what it was used for; a note that is
    deleted for a while can be restored."""
    outlives = case.operation.path == KEY_PATH or case.operation.path.endswith("/restore")
    return not (isinstance(failure, UseAfterFree) and outlives)
