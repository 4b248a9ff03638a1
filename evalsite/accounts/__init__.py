"""Researchers and their accounts."""
