"""The part of threadpoolctl that is used here."""

from typing import TypedDict

class _Pool(TypedDict):
    user_api: str
    num_threads: int

def threadpool_limits(limits: int, *, user_api: str) -> object: ...
def threadpool_info() -> list[_Pool]: ...
