"""Secrets that have been replaced: for a while they sign beside the new one."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vocafuse_server.core.database import JsonObject
from vocafuse_server.webhooks.errors import TooManyRotations

OVERLAP = timedelta(hours=24)
# As many signatures at most as a header of ordinary size has room for.
MAX_OLD_SECRETS = 5


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secret of an endpoint and those it replaced, newest first, in the clear."""

    current: str = field(repr=False)
    old: list[JsonObject] = field(repr=False)

    def signing(self, now: datetime) -> list[str]:
        """All that sign now, the current one first."""
        return [self.current, *(str(one["secret"]) for one in self._still_good(now))]

    def replaced_by(self, secret: str, now: datetime) -> "Secrets":
        """The secrets after a rotation. All that were good stay so for their time: who rotates twice
        because an answer got lost must not cut off receivers that know the first one only.

        Raises:
            TooManyRotations: There are too many that still sign.
        """
        if secret == self.current:
            return self
        good = self._still_good(now)
        if len(good) >= MAX_OLD_SECRETS:
            raise TooManyRotations
        retired: JsonObject = {"secret": self.current, "until": int((now + OVERLAP).timestamp())}
        return Secrets(secret, [retired, *(one for one in good if one["secret"] != secret)])

    def _still_good(self, now: datetime) -> list[JsonObject]:
        return [one for one in self.old if now.timestamp() < one["until"]]
