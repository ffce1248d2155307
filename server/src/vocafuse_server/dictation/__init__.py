"""Audio whose text somebody waits for: it is transcribed at once, and nothing of it is kept."""
