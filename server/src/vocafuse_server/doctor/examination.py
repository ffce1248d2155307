"""All checks, one after the other."""

from collections.abc import Collection, Iterator

from vocafuse_server.core.settings import Settings
from vocafuse_server.doctor.database import check_database
from vocafuse_server.doctor.findings import CHECK_NAMES, Check, Finding
from vocafuse_server.doctor.fitting import check_networks, check_rate_limit_store, check_settings
from vocafuse_server.doctor.machine import (
    check_clock,
    check_data_dir,
    check_memory,
    check_ports,
    check_python,
)
from vocafuse_server.doctor.speech import check_model, check_object_store, check_transcription

_CHECKS: tuple[Check, ...] = (
    *(check_python, check_memory, check_clock, check_settings, check_networks, check_data_dir, check_ports),
    *(check_database, check_object_store, check_rate_limit_store, check_model, check_transcription),
)


def examine(settings: Settings, names: Collection[str] = ()) -> Iterator[tuple[str, Finding]]:
    """What each check finds, as soon as it has; all of them, or those named."""
    for name, check in zip(CHECK_NAMES, _CHECKS, strict=True):
        if not names or name in names:
            for finding in check(settings):
                yield name, finding
