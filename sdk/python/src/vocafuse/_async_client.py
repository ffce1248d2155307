"""The async client."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

from vocafuse._async_account import AsyncAccountResource, AsyncApiKeys
from vocafuse._async_events import AsyncEvents
from vocafuse._async_notes import AsyncVoiceNotes
from vocafuse._async_webhooks import AsyncWebhooks
from vocafuse._clock import AsyncClock
from vocafuse._config import resolve_config
from vocafuse._retries import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    import httpx2


class AsyncClient:
    """A connection to the voice notes service.

    Safe to share between tasks; its connections are kept and used again. Use it as a context manager,
    or call `close`, to give them back.

    Attributes:
        base_url: Where calls are sent.
        voicenotes: The voice notes.
        recordings: The same notes under their older name.
        events: What happens to notes, as it happens.
        webhooks: The webhooks.
        api_keys: The account's API keys.
        account: The account, and what it used.
    """

    def __init__(
        self,
        api_key: str | None = None,
        api_secret: str | None = None,
        base_url: str | None = None,
        timeout: float | None = 30,
        max_retries: int = 3,
        retry_delay: float = 1.0,
        debug: bool = False,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
        _clock: AsyncClock | None = None,
        _jitter: Callable[[], float] = random.random,
    ) -> None:
        """Settles where to send calls and as whom; nothing is sent yet.

        Args:
            api_key: The key. Key and secret not given: `VOCAFUSE_API_KEY` and `VOCAFUSE_API_SECRET`,
                else the pair that the embedded server on this machine wrote for itself.
            api_secret: The secret that goes with the key.
            base_url: Where the API is. Not given: `VOCAFUSE_BASE_URL`, else the embedded server.
            timeout: Seconds to wait for a connection, and for each piece of an answer.
            max_retries: How often a call that failed for a passing reason is tried again.
            retry_delay: Seconds before the first retry; it doubles with each one.
            debug: Log every request, without secrets, to the logger `vocafuse` at level DEBUG.
            transport: Sends the requests in place of the network, for tests and special networks.

        Raises:
            CredentialsError: No key pair was found.
            ValidationError: The base URL is not one.
        """
        # Only now, as it loads the HTTP library, which takes longer than all of this one.
        from vocafuse._async_sending import AsyncHttp

        config = resolve_config(api_key, api_secret, base_url, os.environ)
        self.base_url = config.base_url
        self._http = AsyncHttp(
            config,
            RetryPolicy(max_retries, retry_delay, _jitter),
            timeout_s=timeout,
            debug=debug,
            transport=transport,
            clock=_clock or AsyncClock(),
        )
        self.voicenotes = AsyncVoiceNotes(self._http, "voicenotes")
        self.recordings = AsyncVoiceNotes(self._http, "recordings")
        self.events = AsyncEvents(self._http)
        self.webhooks = AsyncWebhooks(self._http)
        self.api_keys = AsyncApiKeys(self._http)
        self.account = AsyncAccountResource(self._http)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r})"

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections. The client can't be used afterwards."""
        await self._http.close()
