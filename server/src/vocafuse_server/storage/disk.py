"""Space on the disks that the server's own data is on."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from vocafuse_server.core.data_dir import AUDIO_FOLDER, POSTGRES_FOLDER
from vocafuse_server.core.errors import ServiceUnavailable
from vocafuse_server.core.settings import Settings

_LOOK_AGAIN_S = 1.0


class DiskFull(ServiceUnavailable):
    retry_after_s = 60
    default_message = "The server has no room for more data now. Try again later."


class Disks:
    """The disks under some folders.

    Args:
        folders: Where data is kept; those that don't exist are left out.
        reserve_bytes: What has to stay free on each, for what was accepted before to be finished.
    """

    def __init__(self, folders: Sequence[Path], *, reserve_bytes: int) -> None:
        self._folders = [folder for folder in folders if folder.is_dir()]
        self._reserve_bytes = reserve_bytes
        self._looked_at = float("-inf")
        self._has_room = True

    def check(self) -> None:
        """Raises DiskFull if no more data may be taken in."""
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_AGAIN_S:
            self._looked_at = now
            self._has_room = all(
                shutil.disk_usage(folder).free >= self._reserve_bytes for folder in self._folders
            )
        if not self._has_room:
            raise DiskFull


def disks_of(settings: Settings) -> Disks:
    """The disks of the audio and of the embedded database, as far as the settings keep them here."""
    folders = [settings.data_dir / POSTGRES_FOLDER]
    if settings.storage_url is None:
        folders.append(settings.data_dir / AUDIO_FOLDER)
    return Disks(folders, reserve_bytes=settings.disk_reserve_bytes)
