from collections.abc import Sequence
from pathlib import Path

class BlobLfsInfo:
    sha256: str

class RepoSibling:
    rfilename: str
    size: int | None
    lfs: BlobLfsInfo | None

class ModelInfo:
    sha: str | None
    siblings: Sequence[RepoSibling] | None

class HfApi:
    endpoint: str
    def __init__(
        self,
        endpoint: str | None = None,
        *,
        library_name: str | None = None,
        library_version: str | None = None,
    ) -> None: ...
    def model_info(
        self,
        repo_id: str,
        *,
        revision: str | None = None,
        timeout: float | None = None,
        files_metadata: bool = False,
    ) -> ModelInfo: ...
    def hf_hub_download(
        self,
        repo_id: str,
        filename: str,
        *,
        revision: str | None = None,
        local_dir: str | Path | None = None,
        etag_timeout: float = 10,
        tqdm_class: type | None = None,
    ) -> str: ...
