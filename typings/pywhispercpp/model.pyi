import numpy as np
from numpy.typing import NDArray

class Segment:
    text: str

class Model:
    def __init__(
        self,
        model: str,
        *,
        print_progress: bool = True,
        language: str = "",
    ) -> None: ...
    def transcribe(self, media: NDArray[np.float32]) -> list[Segment]: ...
