"""Whisper's tokens: the special ones, and what the others spell."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from vocafuse_server.transcription.engine import TranscriptionError, UnknownLanguage
from vocafuse_server.transcription.languages import ENGLISH, LANGUAGES

TIMESTAMP_STEP_S = 0.02
_REPLACEMENT = "\ufffd"


@dataclass(frozen=True, slots=True)
class TimedTokens:
    """The text tokens between two timestamp tokens."""

    tokens: tuple[int, ...]
    start_s: float
    end_s: float


class Vocabulary:
    """The tokenizer of a model directory. English-only models have other ids and no language tokens.

    Attributes:
        start: The token that begins every prompt.
        end: The token that ends a text; those before it are text.
        no_speech: The token whose probability after `start` is that of nobody speaking.
        first_stamp: The timestamp of 0 s; all tokens after it are timestamps.
        language_tokens: The token of each language's code.
    """

    def __init__(self, model_dir: Path, *, multilingual: bool) -> None:
        self._tokenizer = Tokenizer.from_file(str(model_dir / "tokenizer.json"))
        self._multilingual = multilingual
        self.start = self._special("startoftranscript")
        self.end = self._special("endoftext")
        self.no_speech = self._special("nospeech", "nocaptions")
        self.first_stamp = self._special("notimestamps") + 1
        self._transcribe = self._special("transcribe")
        self.language_tokens = self._find_languages() if multilingual else {}

    def _special(self, *names: str) -> int:
        """The first of these tokens that there is: some were renamed."""
        for name in names:
            token = self._tokenizer.token_to_id(f"<|{name}|>")
            if token is not None:
                return token
        raise TranscriptionError(f"The model's tokenizer has no <|{names[0]}|> token.")

    def _find_languages(self) -> dict[str, int]:
        found = ((code, self._tokenizer.token_to_id(f"<|{code}|>")) for code in LANGUAGES)
        return {code: token for code, token in found if token is not None}

    def prompt(self, language: str) -> list[int]:
        """The tokens that tell the decoder to transcribe with timestamps.

        Raises:
            UnknownLanguage: The model does not have the language.
        """
        if not self._multilingual:
            if language != ENGLISH:
                raise UnknownLanguage(f"This model understands English only, not {language!r}.")
            return [self.start]
        if language not in self.language_tokens:
            raise UnknownLanguage(f"This model does not know the language {language!r}.")
        return [self.start, self.language_tokens[language], self._transcribe]

    def encode(self, text: str) -> list[int]:
        """The tokens of a text."""
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def text_tokens(self, tokens: Sequence[int]) -> list[int]:
        """The tokens without timestamps and other special ones."""
        return [token for token in tokens if token < self.end]

    def spell(self, tokens: Sequence[int]) -> str:
        """The text of text tokens, with its leading space; an incomplete character is left out."""
        return self._tokenizer.decode(list(tokens)).replace(_REPLACEMENT, "")

    def pieces(self, tokens: Sequence[int]) -> Iterator[tuple[str, int]]:
        """Cut text tokens into the smallest groups that spell whole characters: (text, number of tokens)."""
        pending: list[int] = []
        for token in tokens:
            pending.append(token)
            text = self._tokenizer.decode(pending)
            if _REPLACEMENT not in text:
                yield text, len(pending)
                pending.clear()
        if pending:
            yield self.spell(pending), len(pending)

    def last_stretch_s(self, tokens: Sequence[int]) -> tuple[float, float]:
        """The timestamp before the last stretch of text, and the latest timestamp of all; 0 without any."""
        begins = latest = self.first_stamp
        for token in tokens:
            if token >= self.first_stamp:
                latest = max(latest, token)
            elif token < self.end:
                begins = latest
        return (begins - self.first_stamp) * TIMESTAMP_STEP_S, (latest - self.first_stamp) * TIMESTAMP_STEP_S

    def cut_at_timestamps(self, tokens: Sequence[int], speech_s: tuple[float, float]) -> list[TimedTokens]:
        """Cut a decoder's output into segments, with times in order and within those of the speech."""
        segments: list[TimedTokens] = []
        text: list[int] = []
        start_s = latest_s = speech_s[0]
        for token in tokens:
            if token < self.end:
                text.append(token)
                continue
            if token < self.first_stamp:
                continue
            stamp_s = (token - self.first_stamp) * TIMESTAMP_STEP_S
            latest_s = min(speech_s[1], max(latest_s, stamp_s))
            if text:
                segments.append(TimedTokens(tuple(text), start_s, latest_s))
                text.clear()
            start_s = latest_s
        if text:  # the decoder may end without a closing timestamp
            segments.append(TimedTokens(tuple(text), start_s, speech_s[1]))
        return segments
