"""/leaderboard/ and a study's results."""

from django.urls import path

from evalsite.leaderboard import views

urlpatterns = [
    path("leaderboard/", views.leaderboard, name="leaderboard"),
    path("studies/<slug:code>/", views.study, name="study"),
    path("studies/<slug:code>/monitor/", views.study_monitor, name="study_monitor"),
    path("studies/<slug:code>/report.json", views.study_report, name="study_report"),
    path(
        "studies/<slug:code>/images/<int:pool>/<int:index>.png",
        views.study_image,
        name="study_image",
    ),
]
