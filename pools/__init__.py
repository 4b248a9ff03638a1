"""Images at rest: pools on disk, the files they come from, and the bytes a browser gets."""
