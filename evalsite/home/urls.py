"""/, its icon, /healthz and the live pair."""

from django.urls import path

from evalsite.home import views

urlpatterns = [
    path("", views.home, name="home"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("healthz", views.healthz, name="healthz"),
    path("pair/", views.pair, name="pair"),
    path("pair/answer/", views.answer_pair, name="answer_pair"),
    path("pair/<str:code>.png", views.pair_image, name="pair_image"),
]
