"""A recording to try things with."""

from pathlib import Path

VOICE_NOTE = Path(__file__).parent / "voice-note.wav"
VOICE_NOTE_TEXT = "produced the block books, which were the immediate predecessors of the true printed book,"
