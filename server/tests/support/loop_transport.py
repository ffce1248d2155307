"""The app as the client library reaches it: calls made in a thread are answered in the app's loop."""

import asyncio

import httpx2


class LoopTransport(httpx2.BaseTransport):
    """Sends a sync client's requests to an app that runs in an event loop of another thread.

    Args:
        app: Answers them.
        loop: Where it runs.
    """

    def __init__(self, app: httpx2.AsyncBaseTransport, loop: asyncio.AbstractEventLoop) -> None:
        self._app = app
        self._loop = loop

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        return asyncio.run_coroutine_threadsafe(self._answer(request), self._loop).result()

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        body = request.content
        sent = httpx2.Request(request.method, request.url, headers=request.headers, content=body)
        answer = await self._app.handle_async_request(sent)
        return httpx2.Response(answer.status_code, headers=answer.headers, content=await answer.aread())
