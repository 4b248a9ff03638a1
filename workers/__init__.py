"""Celery tasks: load the row, call the science, store the result."""
