from collections.abc import Iterable

from faster_whisper.transcribe import Segment

class TranscriptionInfo:
    @property
    def language(self) -> str: ...

class WhisperModel:
    def __init__(
        self, model_size_or_path: str, device: str = "auto", *, compute_type: str = "default"
    ) -> None: ...
    def transcribe(
        self,
        audio: str,
        *,
        beam_size: int = 5,
        condition_on_previous_text: bool = True,
        without_timestamps: bool = False,
    ) -> tuple[Iterable[Segment], TranscriptionInfo]: ...

class BatchedInferencePipeline:
    def __init__(self, model: WhisperModel) -> None: ...
    def transcribe(
        self, audio: str, *, batch_size: int = 8
    ) -> tuple[Iterable[Segment], TranscriptionInfo]: ...
