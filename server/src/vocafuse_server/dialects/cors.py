"""Any page may call the API: what it can do is in the credentials it sends, never in a cookie."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

_ABOUT_CORS = ("access-control-", "vary")


class OpenCors(CORSMiddleware):
    """Tells a browser what is allowed, and leaves it to the browser to refuse what isn't.

    Starlette's own answer to a preflight for an unknown method is an error, which would have another
    form than all of this API's.
    """

    def preflight_response(self, request_headers: Headers) -> Response:
        told = super().preflight_response(request_headers)
        return Response(
            headers={name: value for name, value in told.headers.items() if name.startswith(_ABOUT_CORS)}
        )
