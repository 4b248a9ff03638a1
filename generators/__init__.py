"""Data set to weights to images: generators trained, sampled, exported."""
