import numpy as np
from numpy.typing import NDArray

class FeatureExtractor:
    def __init__(
        self,
        feature_size: int = 80,
        sampling_rate: int = 16000,
        hop_length: int = 160,
        chunk_length: int = 30,
        n_fft: int = 400,
    ) -> None: ...
    @staticmethod
    def get_mel_filters(sr: int, n_fft: int, n_mels: int = 128) -> NDArray[np.float64]: ...
    def __call__(
        self, waveform: NDArray[np.float32], padding: int = 160, chunk_length: int | None = None
    ) -> NDArray[np.float32]: ...
