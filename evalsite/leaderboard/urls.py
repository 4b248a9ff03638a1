"""/leaderboard/, a study's results, and the pages of what is ranked."""

from django.urls import path

from evalsite.leaderboard import (
    deleting_views,
    pool_views,
    sharing_views,
    sweep_views,
    tensorboard_views,
    views,
)

urlpatterns = [
    path("leaderboard/", views.leaderboard, name="leaderboard"),
    path("leaderboard/figures.csv", views.leaderboard_file, {"kind": "csv"}, "leaderboard_csv"),
    path("leaderboard/figures.json", views.leaderboard_file, {"kind": "json"}, "leaderboard_json"),
    path("studies/<slug:code>/", views.study, name="study"),
    path("studies/<slug:code>/monitor/", views.study_monitor, name="study_monitor"),
    path("studies/<slug:code>/report.json", views.study_report, name="study_report"),
    path(
        "studies/<slug:code>/images/<int:pool>/<int:index>.png",
        views.study_image,
        name="study_image",
    ),
    path("generators/<slug:slug>/", pool_views.generator, name="generator"),
    path(
        "generators/<slug:slug>/delete/", deleting_views.delete_generator, name="delete_generator"
    ),
    path("generators/<slug:slug>/ladder/", pool_views.ladder, name="ladder"),
    path(
        "generators/<slug:slug>/tensorboard/",
        tensorboard_views.training_events,
        name="training_events",
    ),
    path("sweeps/<slug:slug>/", sweep_views.sweep, name="sweep"),
    path("sweeps/<slug:slug>/tensorboard/", tensorboard_views.sweep_events, name="sweep_events"),
    path("pools/<int:pk>/", pool_views.pool, name="pool"),
    path("pools/<int:pk>/cancel/", pool_views.cancel_pool, name="cancel_pool"),
    path("pools/<int:pk>/retry/", pool_views.retry_pool, name="retry_pool"),
    path("pools/<int:pk>/delete/", deleting_views.delete_pool, name="delete_pool"),
    path(
        "pools/<int:pk>/images/<slug:side>/<int:index>.png",
        pool_views.pool_image,
        name="pool_image",
    ),
    path("pools/<int:pk>/sharing/", sharing_views.sharing, name="pool_sharing"),
    path("pools/<int:pk>/sharing.json", sharing_views.sharing_file, name="pool_sharing_json"),
]
