"""The processes that decode audio for the process of the tests."""

import psutil

_PROGRAM = "vocafuse_server.audio.decoder_process"


def decoder_processes() -> list[psutil.Process]:
    """Its children that decode; the database's processes and others are its children too."""
    return [child for child in psutil.Process().children() if _PROGRAM in _command(child)]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:  # It has ended meanwhile.
        return []
