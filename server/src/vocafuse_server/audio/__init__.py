"""What was uploaded, made into samples: telling containers apart, decoding in limited processes."""
