from pathlib import Path

def snapshot_download(
    repo_id: str, *, cache_dir: str | Path | None = None, allow_patterns: list[str] | str | None = None
) -> str: ...
