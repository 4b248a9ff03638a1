"""The front page, its live pair, and the demo."""
