"""Defences: classifiers taught or guarded against attacks, and what they are worth under them."""
