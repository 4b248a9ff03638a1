"""What people and metrics make of every generator."""

from django.apps import AppConfig


class LeaderboardConfig(AppConfig):
    name = "evalsite.leaderboard"
