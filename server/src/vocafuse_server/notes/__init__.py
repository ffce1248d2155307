"""Voice notes: their life from upload to transcript."""
