"""The site: data sets, generators, studies, and the leaderboard they lead to."""

from evalsite.celery import app as celery_app

__all__ = ["celery_app"]
