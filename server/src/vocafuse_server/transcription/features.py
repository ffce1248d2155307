"""Whisper's input: the log-mel spectrogram of a note.

The computation is that of Whisper's reference implementation (https://arxiv.org/abs/2212.04356, section 2.2),
done for the note's own frames only. The rest of the encoder's context is silence, whose value is known
without computing it: the floor that the normalisation puts under the loudest frame.
"""

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray

from vocafuse_server.transcription.engine import SAMPLE_RATE, Samples

HOP = 160
FRAMES_PER_SECOND = SAMPLE_RATE // HOP
_WINDOW = 400
_HALF_WINDOW = _WINDOW // 2
_SILENCE_LOG10 = -10.0
_DYNAMIC_RANGE_LOG10 = 8.0


class LogMel:
    """Computes the features for a model with `n_mels` mel bands (80, or 128 for large-v3)."""

    def __init__(self, n_mels: int) -> None:
        self._filters = FeatureExtractor.get_mel_filters(SAMPLE_RATE, _WINDOW, n_mels=n_mels).astype(
            np.float32
        )
        self._window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)

    def __call__(self, audio: Samples, context_s: float, *, blank: bool = False) -> NDArray[np.float32]:
        """The features of `audio` followed by silence.

        Args:
            audio: At least one sample; what goes beyond `context_s` is left out.
            context_s: Length of the result in seconds.
            blank: Put zeros after the note, where faster-whisper has them, rather than silence.

        Returns:
            float32, shape (n_mels, 100 * context_s), about -1.5 to 1.5.
        """
        frames = round(context_s * FRAMES_PER_SECOND)
        spectrum = self._log_spectrum(audio[: frames * HOP], frames)
        loudest = max(float(spectrum.max()), _SILENCE_LOG10)
        floor = max(_SILENCE_LOG10, loudest - _DYNAMIC_RANGE_LOG10)
        fill = 0.0 if blank else (floor + 4) / 4
        result = np.full((len(self._filters), frames), fill, dtype=np.float32)
        result[:, : spectrum.shape[1]] = (np.maximum(spectrum, np.float32(floor)) + 4) / 4
        return result

    def _log_spectrum(self, audio: Samples, max_frames: int) -> NDArray[np.float32]:
        """log10 of the mel power, shape (n_mels, frames), for the frames that reach into the audio."""
        touched = min(max_frames, -(-(len(audio) + _HALF_WINDOW) // HOP))
        length = max((touched - 1) * HOP + _HALF_WINDOW, _HALF_WINDOW + 1)
        silence = np.zeros(max(0, length - len(audio)), dtype=np.float32)
        # A frame is centred on its time: the first begins in the reflection of the note's beginning.
        padded = np.pad(np.concatenate((audio, silence)), (_HALF_WINDOW, 0), mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP][:touched]
        power = np.abs(np.fft.rfft(windows * self._window)) ** 2
        mel = self._filters @ power.T.astype(np.float32)
        return np.log10(np.maximum(mel, 10**_SILENCE_LOG10)).astype(np.float32)
