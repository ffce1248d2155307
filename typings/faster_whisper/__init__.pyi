from collections.abc import Iterable

class Segment:
    @property
    def text(self) -> str: ...

class TranscriptionInfo:
    @property
    def language(self) -> str: ...

class WhisperModel:
    def __init__(
        self, model_size_or_path: str, device: str = "auto", *, compute_type: str = "default"
    ) -> None: ...
    def transcribe(self, audio: str) -> tuple[Iterable[Segment], TranscriptionInfo]: ...
