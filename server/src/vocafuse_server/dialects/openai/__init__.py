"""The wire format of OpenAI's audio API: a transcription is answered at once, and nothing is kept."""
