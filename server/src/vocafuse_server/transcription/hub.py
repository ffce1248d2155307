"""Models from the model hub, by the hub's own client (https://huggingface.co/docs/huggingface_hub).

The client's environment variables work: HF_ENDPOINT names another hub, HF_TOKEN opens what is not public.
"""

import shutil
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx2
from huggingface_hub import HfApi
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from vocafuse_server import __version__
from vocafuse_server.core.logging import get_logger
from vocafuse_server.transcription.catalogue import (
    OTHER_FILES,
    VOCABULARIES,
    WEIGHTS,
    HubModel,
    Offer,
    WeightsError,
    missing_files,
)

log = get_logger(__name__)

_TIMEOUT_S = 15


def offer_from_hub(source: HubModel, *, endpoint: str | None = None) -> Offer:
    """Ask the hub what it has.

    Args:
        source: What to look for.
        endpoint: The hub's URL; None: the public one, or HF_ENDPOINT.

    Raises:
        WeightsError: It has no such model, or can't be asked.
    """
    api = HfApi(endpoint=endpoint, library_name="vocafuse-server", library_version=__version__)
    with _explaining(source, api.endpoint):
        info = api.model_info(
            source.repository, revision=source.revision, files_metadata=True, timeout=_TIMEOUT_S
        )
    files = {file.rfilename: file for file in info.siblings or ()}
    if missing := missing_files(files):
        raise WeightsError(
            f"{source.repository} on {api.endpoint} is no Whisper model for CTranslate2:"
            f" it lacks {', '.join(missing)}."
        )
    weights = files[WEIGHTS].lfs
    sha256 = source.sha256 or (weights.sha256 if weights else None)
    if sha256 is None or info.sha is None:
        raise WeightsError(f"{api.endpoint} does not tell the hash of the weights of {source.repository}.")
    wanted = [name for name in (*OTHER_FILES, *VOCABULARIES, WEIGHTS) if name in files]
    return Offer(
        sha256,
        sum(files[name].size or 0 for name in wanted),
        partial(_write, api, source, info.sha, wanted),
        otherwise="try again",
    )


def _write(
    api: HfApi,
    source: HubModel,
    commit: str,
    wanted: Sequence[str],
    folder: Path,
    report: Callable[[int], None],
) -> None:
    log.info("downloading a model", hub=api.endpoint, repository=source.repository, commit=commit)
    with _explaining(source, api.endpoint):
        for name in wanted:
            api.hf_hub_download(
                source.repository,
                name,
                revision=commit,
                local_dir=folder,
                etag_timeout=_TIMEOUT_S,
                tqdm_class=_counter(report),
            )
    shutil.rmtree(folder / ".cache", ignore_errors=True)


@contextmanager
def _explaining(source: HubModel, hub: str) -> Generator[None]:
    """Say in a sentence what went wrong; that a file can't be written is left to the caller."""
    try:
        yield
    except (
        HFValidationError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        ConnectionError,
        httpx2.HTTPError,
    ) as e:
        raise WeightsError(f"{source.repository} can't be downloaded: {_reason(e, hub)}.") from e


def _reason(error: Exception, hub: str) -> str:
    if isinstance(error, HFValidationError):
        return "that is no name of a folder here, of a known model, or of a repository"
    if isinstance(error, GatedRepoError):
        return f"{hub} gives it only to those whom its owner allowed; set HF_TOKEN to their token"
    if isinstance(error, RepositoryNotFoundError):
        return f"{hub} has no such model, or only for the bearer of a token (HF_TOKEN)"
    if isinstance(error, HfHubHTTPError):
        return f"{hub} answered with the status {error.response.status_code}"
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set"
    return (
        f"{hub} can't be reached; `vocafuse-server model fetch` on a machine that can makes a folder,"
        " and VOCAFUSE_MODEL can name a copy of that folder here"
    )


def _counter(report: Callable[[int], None]) -> type:
    """What the hub's client takes for a progress bar: a class that is told of each further byte."""

    class Counter:
        def __init__(self, *, initial: int = 0, **_: object) -> None:
            report(initial)

        def __enter__(self) -> "Counter":
            return self

        def __exit__(self, *_: object) -> None:
            """Nothing has been opened."""

        def update(self, size: float | None = 1) -> None:
            report(int(size or 0))

        def update_transfer(self, size: float | None = 1) -> None:
            """Bytes that came over the net; `update` counts what is on the disk."""

        def set_postfix_str(self, text: str, refresh: bool = False) -> None:
            """The speed, which is not shown."""

        set_transfer_postfix_str = set_postfix_str

    return Counter
