"""/datasets/…, /generators/…, /sweeps/…, /pools/…"""

from django.urls import path

from evalsite.catalog import sweeps_views, training_views, views

urlpatterns = [
    path("datasets/", views.datasets, name="datasets"),
    path("datasets/<slug:slug>/", views.dataset, name="dataset"),
    path("generators/", views.generators, name="generators"),
    path("generators/train/", views.train, name="train"),
    path("generators/upload/", views.upload, name="upload"),
    path("generators/<slug:slug>/sample/", views.sample, name="sample"),
    path("generators/<slug:slug>/cancel/", views.cancel_training, name="cancel_training"),
    path("generators/<slug:slug>/resume/", views.resume_training, name="resume_training"),
    path(
        "generators/<slug:slug>/training.json", training_views.training_json, name="training_json"
    ),
    path(
        "generators/<slug:slug>/training.webp", training_views.training_webp, name="training_webp"
    ),
    path("sweeps/", sweeps_views.sweeps, name="sweeps"),
    path("sweeps/new/", sweeps_views.new_sweep, name="new_sweep"),
    path("sweeps/<slug:slug>/cancel/", sweeps_views.cancel_sweep, name="cancel_sweep"),
    path("sweeps/<slug:slug>/resume/", sweeps_views.resume_sweep, name="resume_sweep"),
    path("pools/<int:pk>/sheet.png", views.pool_sheet, name="pool_sheet"),
    path("sheets/<int:pk>.png", views.sheet, name="sheet"),
]
