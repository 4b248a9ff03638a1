"""Pools to numbers: how far generated images are from real ones, with intervals."""
