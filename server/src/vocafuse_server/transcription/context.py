"""How much audio the encoder is given for a note.

Whisper was trained on windows of 30 s and is usually given that much, padded with silence. Its encoder also
works on less, and most of a short note's cost is the padding. How much less was measured on 142 clips (clean,
noisy, joined and cut; `base`, greedy), by the rate of wrong words over all speech:

    30 s                7.05 %
    note + 1 s          8.80 %, and 31 outputs that repeat themselves
    max(5 s, note + 2 s)   5.82 %, 2 such outputs
    max(8 s, note + 2 s)   5.76 %, 1 such output, a fifth more time

The margin is what counts: with a second or less of silence after the note the decoder does not see that it
is over and starts again. With just 2 s it still did so in 2 of 65 clean clips, with 2.5 s in none, for a
fortieth more time. Five seconds is the fast minimum; it relies on `gates` to send the outputs that repeat
themselves to a second pass over the full window. Rounding up further, to steps of 2.5 s, changes nothing in
quality; it serves models that gain from batches of one length.

Languages other than English, which the smaller models know less well, are read again with care where the
first reading is unsure (`gates`): with 15 s at least, zeros after the note in place of silence, and five
beams. The rate of wrong words on 15 clips, each begun at five moments:

    as English is read         17.6 %
    with care, on 12 s         16.3 %
    with care, on 15 s         15.6 %; with one beam 17.2 %
    with care, on 20 s         15.7 %
    with care, on 30 s         16.0 %
    faster-whisper's defaults  15.3 %

English-only models want 8 s: `tiny.en` then takes a fifth less time for short notes, because 1 output loops
where 16 did. docs/context.md has all figures.
"""

import math

FULL_CONTEXT_S = 30.0
MIN_CONTEXT_S = 5.0
ENGLISH_ONLY_MIN_CONTEXT_S = 8.0
CAREFUL_MIN_CONTEXT_S = 15.0
MARGIN_S = 2.5


def context_seconds(
    duration_s: float, *, step_s: float, min_context_s: float = MIN_CONTEXT_S, margin_s: float = MARGIN_S
) -> float:
    """How many seconds of audio the encoder is given for a note: a multiple of `step_s`, at most 30.

    Args:
        duration_s: Of the note, or of its window.
        step_s: To what the length is rounded up; a model's `context_step_s`.
        min_context_s: The least.
        margin_s: What there is at least after the note.
    """
    wanted = max(min_context_s, duration_s + margin_s)
    return min(FULL_CONTEXT_S, math.ceil(wanted / step_s) * step_s)
