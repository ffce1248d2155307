# Made of _async_client.py by `make sdk`: change that one.
"""The sync client."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

from vocafuse._account import AccountResource, ApiKeys
from vocafuse._clock import Clock
from vocafuse._config import resolve_config
from vocafuse._events import Events
from vocafuse._notes import VoiceNotes
from vocafuse._retries import RetryPolicy
from vocafuse._webhooks import Webhooks

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    import httpx2


class Client:
    """A connection to the voice notes service.

    Safe to share between threads; its connections are kept and used again. Use it as a context manager,
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
        transport: httpx2.BaseTransport | None = None,
        _clock: Clock | None = None,
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
        from vocafuse._sending import Http

        config = resolve_config(api_key, api_secret, base_url, os.environ)
        self.base_url = config.base_url
        self._http = Http(
            config,
            RetryPolicy(max_retries, retry_delay, _jitter),
            timeout_s=timeout,
            debug=debug,
            transport=transport,
            clock=_clock or Clock(),
        )
        self.voicenotes = VoiceNotes(self._http, "voicenotes")
        self.recordings = VoiceNotes(self._http, "recordings")
        self.events = Events(self._http)
        self.webhooks = Webhooks(self._http)
        self.api_keys = ApiKeys(self._http)
        self.account = AccountResource(self._http)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r})"

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections. The client can't be used afterwards."""
        self._http.close()
