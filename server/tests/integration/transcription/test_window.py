"""What is done about suspicious outputs: the real vocabulary, a model that says what it is told to."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from vocafuse_server.transcription.adaptive import FALLBACK_TEMPERATURES, AdaptiveWhisper
from vocafuse_server.transcription.engine import Samples, TranscribeOptions, Transcription, TranscriptionError
from vocafuse_server.transcription.features import LogMel
from vocafuse_server.transcription.model import Output, States
from vocafuse_server.transcription.vocabulary import Vocabulary
from vocafuse_server.transcription.weights import ModelFiles
from vocafuse_server.transcription.words import TokenTimes

pytestmark = pytest.mark.model

GOOD = " When is a lobster not a lobster?"
LOOP = " and I have to say that" * 12


class ScriptedModel:
    """Gives one output after another and remembers the context and the temperature of each, and what
    it encoded."""

    context_step_s = 2.5

    def __init__(self, vocabulary: Vocabulary, outputs: list[Output]) -> None:
        self.vocabulary = vocabulary
        self.log_mel = LogMel(80)
        self.passes: list[tuple[float, float]] = []
        self.beams: list[int] = []
        self.encoded: list[float] = []
        self._outputs = iter(outputs)
        self._context_s = 0.0

    def batch_size(self, context_s: float) -> int:
        del context_s
        return 4

    def encode(self, features: NDArray[np.float32]) -> States:
        self._context_s = features.shape[2] / 100
        self.encoded.append(self._context_s)
        return features

    def decode(
        self,
        states: States,
        languages: Sequence[str | None],
        *,
        temperature: float = 0.0,
        beams: int = 1,
    ) -> list[Output]:
        self.passes.append((self._context_s, temperature))
        self.beams.append(beams)
        return [next(self._outputs) for _ in languages]

    def align(
        self, states: States, outputs: Sequence[Output], note_frames: Sequence[int]
    ) -> list[TokenTimes]:
        counts = [len(self.vocabulary.text_tokens(output.tokens)) for output in outputs]
        return [TokenTimes([0.1 * index for index in range(count + 1)], [0.5] * count) for count in counts]


@pytest.fixture(scope="module")
def vocabulary(base_files: ModelFiles) -> Vocabulary:
    return Vocabulary(base_files.path, multilingual=True)


@pytest.fixture(scope="module")
def speech() -> Samples:
    """Four seconds that the voice detector takes for speech: it is, and its words don't matter here."""
    from av import open as open_audio
    from support.clips import AUDIO

    with open_audio(str(AUDIO / "wav-16k.wav")) as file:
        frames = [frame.to_ndarray().ravel() for frame in file.decode(audio=0)]
    return np.concatenate(frames)[: 4 * 16_000].astype(np.float32) / np.float32(32768)


def say(
    vocabulary: Vocabulary,
    text: str,
    *,
    language: str = "en",
    avg_logprob: float = -0.2,
    no_speech_prob: float = 0.01,
) -> Output:
    return Output(language, 0.9, tuple(vocabulary.encode(text)), avg_logprob, no_speech_prob)


async def run(model: ScriptedModel, audio: Samples) -> Transcription:
    engine = AdaptiveWhisper(model, name="scripted", workers=1)
    result = await engine.transcribe(audio, TranscribeOptions())
    await engine.close()
    return result


class FailingModel(ScriptedModel):
    """Fails from its second batch on."""

    def decode(
        self,
        states: States,
        languages: Sequence[str | None],
        *,
        temperature: float = 0.0,
        beams: int = 1,
    ) -> list[Output]:
        if self.passes:
            self.passes.append((self._context_s, temperature))
            raise RuntimeError("out of memory")
        return super().decode(states, languages, temperature=temperature, beams=beams)


async def test_a_note_that_is_in_flight_ends_before_the_engine(
    vocabulary: Vocabulary, speech: Samples
) -> None:
    model = ScriptedModel(vocabulary, [say(vocabulary, GOOD)] * 10)
    begun = asyncio.Event()
    engine = AdaptiveWhisper(model, name="scripted", workers=1, on_batch=lambda windows: begun.set())
    transcribing = asyncio.create_task(engine.transcribe(np.tile(speech, 12), TranscribeOptions()))
    await begun.wait()
    await engine.close()
    assert transcribing.done()
    assert (await transcribing).text.count("lobster?") > 1


async def test_of_a_note_that_has_failed_the_rest_is_left(vocabulary: Vocabulary, speech: Samples) -> None:
    model = FailingModel(vocabulary, [say(vocabulary, GOOD)])
    engine = AdaptiveWhisper(model, name="failing", workers=1)
    with pytest.raises(TranscriptionError, match="out of memory"):
        await engine.transcribe(np.tile(speech, 60), TranscribeOptions())
    await engine.close()
    # The first window, four together, two of those alone; ten more would have followed.
    assert len(model.passes) <= 4


async def test_a_sound_output_is_kept(vocabulary: Vocabulary, speech: Samples) -> None:
    model = ScriptedModel(vocabulary, [say(vocabulary, GOOD)])
    result = await run(model, speech)
    assert model.passes == [(7.5, 0.0)]
    assert result.second_passes == 0
    assert [word.text for word in result.words] == ["When", "is", "a", "lobster", "not", "a", "lobster?"]


async def test_a_loop_is_done_again_on_the_full_context(vocabulary: Vocabulary, speech: Samples) -> None:
    model = ScriptedModel(vocabulary, [say(vocabulary, LOOP), say(vocabulary, GOOD)])
    result = await run(model, speech)
    assert model.passes == [(7.5, 0.0), (30.0, 0.0)]
    assert result.second_passes == 1
    assert result.text == GOOD.strip()
    assert result.words


async def test_what_still_loops_is_sampled_at_rising_temperatures(
    vocabulary: Vocabulary, speech: Samples
) -> None:
    outputs = [say(vocabulary, LOOP)] * 4 + [say(vocabulary, GOOD)]
    model = ScriptedModel(vocabulary, outputs)
    result = await run(model, speech)
    assert model.passes == [(7.5, 0.0), (30.0, 0.0), (30.0, 0.2), (30.0, 0.4), (30.0, 0.6)]
    assert (result.text, result.second_passes) == (GOOD.strip(), 1)
    assert model.encoded == [7.5, 30.0]


async def test_when_nothing_helps_the_last_output_is_kept_with_its_words(
    vocabulary: Vocabulary, speech: Samples
) -> None:
    model = ScriptedModel(vocabulary, [say(vocabulary, LOOP)] * 10)
    result = await run(model, speech)
    assert [temperature for _, temperature in model.passes] == [0.0, 0.0, *FALLBACK_TEMPERATURES]
    assert result.text == LOOP.strip()
    assert len(result.words) == len(LOOP.split())


async def test_no_speech_silences_even_a_loop(vocabulary: Vocabulary, speech: Samples) -> None:
    model = ScriptedModel(vocabulary, [say(vocabulary, LOOP, no_speech_prob=0.95)] * 2)
    result = await run(model, speech)
    assert (result.text, result.segments, result.words, result.second_passes) == ("", (), (), 1)
    assert model.passes == [(7.5, 0.0), (30.0, 0.0)]


async def test_what_is_unsure_in_another_language_is_read_again_with_more_context_and_beams(
    vocabulary: Vocabulary, speech: Samples
) -> None:
    unsure = say(vocabulary, " Kein", language="de", avg_logprob=-0.5)
    model = ScriptedModel(vocabulary, [unsure, say(vocabulary, GOOD, language="de", avg_logprob=-0.5)])
    result = await run(model, speech)
    assert model.passes == [(7.5, 0.0), (15.0, 0.0)]
    assert model.beams == [1, 5]
    assert (result.text, result.language, result.second_passes) == (GOOD.strip(), "de", 0)
    assert result.words


@pytest.mark.parametrize(("language", "avg_logprob"), [("en", -0.9), ("de", -0.3)])
async def test_what_is_sure_or_in_english_is_read_once(
    vocabulary: Vocabulary, speech: Samples, language: str, avg_logprob: float
) -> None:
    model = ScriptedModel(vocabulary, [say(vocabulary, GOOD, language=language, avg_logprob=avg_logprob)])
    result = await run(model, speech)
    assert model.passes == [(7.5, 0.0)]
    assert result.text == GOOD.strip()


async def test_a_loop_in_another_language_is_done_again_with_beams_and_then_sampled(
    vocabulary: Vocabulary, speech: Samples
) -> None:
    loop, good = (say(vocabulary, text, language="de") for text in (LOOP, GOOD))
    model = ScriptedModel(vocabulary, [loop, loop, loop, good])
    result = await run(model, speech)
    assert model.passes == [(7.5, 0.0), (15.0, 0.0), (30.0, 0.0), (30.0, 0.2)]
    assert model.beams == [1, 5, 5, 1]
    assert (result.text, result.second_passes) == (GOOD.strip(), 1)


async def test_in_another_language_nobody_may_speak_too(vocabulary: Vocabulary, speech: Samples) -> None:
    unheard = say(vocabulary, GOOD, language="de", no_speech_prob=0.95)
    model = ScriptedModel(vocabulary, [unheard] * 3)
    result = await run(model, speech)
    assert (result.text, result.segments) == ("", ())
    assert model.passes == [(7.5, 0.0), (15.0, 0.0), (30.0, 0.0)]
