import numpy as np
from numpy.typing import NDArray

class Segment:
    text: str

class Model:
    def __init__(
        self,
        model: str,
        *,
        redirect_whispercpp_logs_to: str | bool | None = False,
        print_progress: bool = True,
    ) -> None: ...
    def transcribe(self, media: NDArray[np.float32]) -> list[Segment]: ...
