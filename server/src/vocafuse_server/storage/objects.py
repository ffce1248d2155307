"""The object store: one object per note's audio, in a folder or in a bucket."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, S3Store, from_url

from vocafuse_server.core.data_dir import AUDIO_FOLDER
from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.metrics import Metrics, StoreCall
from vocafuse_server.core.settings import Settings

CHUNK_BYTES = 256 * 1024
# How much of an upload is in memory. The parts that buckets take have at least 5 MiB.
_LOCAL_PART_BYTES, _BUCKET_PART_BYTES = 1 << 20, 5 << 20
_PARTS_AT_A_TIME = 2
_TIMEOUT_S = 60.0
_RETRIED = timedelta(seconds=60)
_LISTED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of the store, and when it was last written."""

    key: str
    modified_at: datetime


class Objects:
    """The store. Keys are relative paths, e.g. `<tenant>/<note>.webm`.

    Args:
        store: Where the objects are kept.
        bucket: What the API calls the place, in `s3_bucket`.
        metrics: Where calls are counted.
        folder: Where the files are, if the store is a folder.
        timeout_s: How long a call may take, but for one that stores a stream.
    """

    def __init__(
        self,
        store: obstore.store.ObjectStore,
        *,
        bucket: str,
        metrics: Metrics | None = None,
        folder: Path | None = None,
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        self._store = store
        self._metrics = metrics or Metrics()
        self._timeout_s = timeout_s
        self._part_bytes = _LOCAL_PART_BYTES if isinstance(store, LocalStore) else _BUCKET_PART_BYTES
        self.bucket = bucket
        self._folder = folder

    async def write(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Store an object from a stream, whole or not at all; what is stored survives a power cut.

        Whatever `chunks` raises is raised, and nothing is kept.
        """
        with self._metrics.store_called(StoreCall.WRITE):
            await obstore.put_async(
                self._store, key, chunks, chunk_size=self._part_bytes, max_concurrency=_PARTS_AT_A_TIME
            )
            if self._folder is not None:
                await asyncio.to_thread(_flush, self._folder / key)

    async def read(self, key: str) -> bytes:
        """An object's bytes.

        Raises:
            FileNotFoundError: There is no such object.
        """
        async with self._called(StoreCall.READ):
            result = await obstore.get_async(self._store, key)
            return bytes(await result.bytes_async())

    async def open(self, key: str, *, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes of an object from `start` to before `end`, in chunks.

        Raises:
            FileNotFoundError: There is no such object.
        """
        async with self._called(StoreCall.OPEN):
            result = await obstore.get_async(self._store, key, options={"range": (start, end)})
        return (bytes(chunk) async for chunk in result.stream(min_chunk_size=CHUNK_BYTES))

    async def size(self, key: str) -> int | None:
        """How many bytes an object has; None if there is none, or it isn't whole yet."""
        try:
            async with self._called(StoreCall.HEAD):
                return (await obstore.head_async(self._store, key))["size"]
        except FileNotFoundError:
            return None

    @property
    def signs_urls(self) -> bool:
        """Whether clients can be given URLs of the store's own."""
        return isinstance(self._store, S3Store | GCSStore | AzureStore)

    async def upload_url(self, key: str, *, lifetime: timedelta) -> str:
        """A URL to which an object can be PUT for a while, past this server.

        Raises:
            TypeError: The store has no such URLs.
        """
        if not isinstance(self._store, S3Store | GCSStore | AzureStore):
            raise TypeError("the store signs no URLs")
        return await obstore.sign_async(self._store, "PUT", key, lifetime)

    async def rename(self, source: str, target: str) -> None:
        """Give an object another key, replacing what was there."""
        with self._metrics.store_called(StoreCall.RENAME):
            async with asyncio.timeout(self._timeout_s):
                await obstore.rename_async(self._store, source, target)
            if self._folder is not None:
                place = (self._folder / target).parent
                await asyncio.to_thread(_flush, place, place.parent)

    async def copy(self, source: str, target: str) -> None:
        """Store an object a second time, replacing what was there.

        Raises:
            FileNotFoundError: There is no such object.
        """
        async with self._called(StoreCall.COPY):
            await obstore.copy_async(self._store, source, target)

    async def delete(self, key: str) -> None:
        """Remove an object; one that isn't there is no error."""
        try:
            async with self._called(StoreCall.DELETE):
                await obstore.delete_async(self._store, key)
        except FileNotFoundError:
            return

    async def listed(self, prefix: str = "") -> AsyncIterator[Sequence[StoredObject]]:
        """All objects whose keys begin with `prefix`, a whole folder, some at a time."""
        pages = obstore.list(  # pyright: ignore[reportUnknownMemberType] - its other form, Arrow's, has no types
            self._store, prefix, chunk_size=_LISTED_AT_ONCE
        )
        async for page in pages:
            yield [StoredObject(meta["path"], meta["last_modified"]) for meta in page]

    async def delete_unfinished(self, prefix: str, *, until: datetime) -> int:
        """Remove what killed processes had half written until then; says how much.

        Only in a folder: buckets do so by themselves if they are told (docs/reliability.md).
        """
        if self._folder is None:
            return 0
        return await asyncio.to_thread(_delete_parts, self._folder / prefix, until)

    async def ping(self) -> None:
        """Raise if the store doesn't answer."""
        await self.size("ping")

    @asynccontextmanager
    async def _called(self, call: StoreCall) -> AsyncGenerator[None]:
        """Around a call that is counted, and may only take so long."""
        with self._metrics.store_called(call):
            async with asyncio.timeout(self._timeout_s):
                yield


def open_objects(
    settings: Settings, metrics: Metrics | None = None, *, timeout_s: float = _TIMEOUT_S
) -> Objects:
    """The store that the settings name.

    Args:
        metrics: Where calls of it are counted.
        timeout_s: How long a call may take, with all tries.

    Raises:
        StartupError: It can't be opened.
    """
    try:
        if settings.storage_url is None:
            folder = settings.data_dir / AUDIO_FOLDER
            objects = Objects(_local(folder), bucket="local", metrics=metrics, folder=folder)
        else:
            # Its client's own limits, 5 s to connect and 30 s for a try, hold besides.
            store = from_url(settings.storage_url, retry_config={"max_retries": 3, "retry_timeout": _RETRIED})
            bucket = urlsplit(settings.storage_url).netloc or settings.storage_url
            objects = Objects(store, bucket=bucket, metrics=metrics, timeout_s=timeout_s)
    except (BaseError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StartupError(f"VOCAFUSE_STORAGE_URL: the object store can't be opened ({reason})") from error
    if settings.uploads == "direct" and not objects.signs_urls:
        raise StartupError(
            "VOCAFUSE_UPLOADS is `direct`, but only S3, GCS and Azure give clients URLs of their own:"
            " set VOCAFUSE_STORAGE_URL to one of those, or VOCAFUSE_UPLOADS to `server`."
        )
    return objects


def _local(folder: Path) -> LocalStore:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return LocalStore(folder, automatic_cleanup=True)


def _flush(*paths: Path) -> None:
    """Have the system write files or folders to the disk."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _delete_parts(folder: Path, until: datetime) -> int:
    # `#` and a number is how obstore names a file that isn't whole yet, and hides it from lists.
    deleted = 0
    for part in folder.glob("*#*"):
        with suppress(FileNotFoundError):  # It became whole, or was given up, at this very moment.
            if datetime.fromtimestamp(part.stat().st_mtime, timezone.utc) <= until:
                part.unlink()
                deleted += 1
    return deleted
