"""Keeps the C library's heap small, where the C library is glibc.

glibc gives threads heaps of their own, and none of them gives back what another could use. A worker's threads
(model, voice detector, store) each ask for tens of megabytes for a moment: with two heaps for all of them it
holds 130 MB less, in the same time.
"""

import ctypes

_M_ARENA_MAX = -8  # malloc.h
_HEAPS = 2


def share_heaps() -> None:
    """Let all threads started from now on share two heaps."""
    if (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        mallopt(_M_ARENA_MAX, _HEAPS)


def give_back_unused() -> None:
    """Return to the system what lies free in the heaps; worth it after something large has been loaded."""
    if (malloc_trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        malloc_trim(0)
