"""Access tokens for front ends."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from vocafuse import _flows
from vocafuse._calls import token_call
from vocafuse._clock import AsyncClock
from vocafuse._config import resolve_config
from vocafuse._retries import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx2


class AsyncAccessToken:
    """Makes tokens with which one end user's front end may upload and read its own notes.

    Attributes:
        identity: Your name for the end user.
    """

    def __init__(
        self,
        api_key: str,
        api_secret: str,
        identity: str,
        base_url: str | None = None,
        *,
        timeout: float | None = 30,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """Keeps what a token is made from; nothing is sent yet.

        Args:
            api_key: The key. It stays on the server, like the secret.
            api_secret: The secret that goes with the key.
            identity: Your name for the end user, at most 255 characters.
            base_url: As for `AsyncClient`.
            timeout: As for `AsyncClient`.
            transport: As for `AsyncClient`.

        Raises:
            CredentialsError: The key pair is none.
            ValidationError: The base URL is not one.
        """
        self.identity = identity
        self._config = resolve_config(api_key, api_secret, base_url, os.environ)
        self._timeout_s = timeout
        self._transport = transport

    def __repr__(self) -> str:
        return f"{type(self).__name__}(identity={self.identity!r})"

    async def __call__(self, expires_in: int = 3600, scopes: Sequence[str] | None = None) -> dict[str, Any]:
        """Asks the service for a token.

        Args:
            expires_in: Seconds that it is valid, 60 to 86400.
            scopes: What it allows; uploading and reading when not given.

        Returns:
            The service's answer, ready to be handed to the front end as JSON. `["token"]` is the token.

        Raises:
            VocaFuseError: The service refuses, or cannot be reached.
        """
        from vocafuse._async_sending import AsyncHttp

        policy = RetryPolicy()
        http = AsyncHttp(
            self._config,
            policy,
            timeout_s=self._timeout_s,
            debug=False,
            transport=self._transport,
            clock=AsyncClock(),
        )
        try:
            return await http.run(_flows.fetch(token_call(self.identity, expires_in, scopes), policy))
        finally:
            await http.close()
