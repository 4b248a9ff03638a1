"""/datasets/…, /generators/…, /pools/…"""

from django.urls import path

from evalsite.catalog import views

urlpatterns = [
    path("datasets/", views.datasets, name="datasets"),
    path("datasets/<slug:slug>/", views.dataset, name="dataset"),
    path("generators/", views.generators, name="generators"),
    path("generators/train/", views.train, name="train"),
    path("generators/upload/", views.upload, name="upload"),
    path("generators/<slug:slug>/sample/", views.sample, name="sample"),
    path("generators/<slug:slug>/cancel/", views.cancel_training, name="cancel_training"),
    path("generators/<slug:slug>/resume/", views.resume_training, name="resume_training"),
    path("pools/<int:pk>/retry/", views.retry_pool, name="retry_pool"),
    path("pools/<int:pk>/sheet.png", views.pool_sheet, name="pool_sheet"),
    path("sheets/<int:pk>.png", views.sheet, name="sheet"),
]
