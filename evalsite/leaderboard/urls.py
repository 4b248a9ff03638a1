"""/leaderboard/ and a study's results."""

from django.urls import path

from evalsite.leaderboard import views

urlpatterns = [
    path("leaderboard/", views.leaderboard, name="leaderboard"),
    path("studies/<slug:code>/", views.study, name="study"),
]
