"""/generators/…/explore/, /generators/…/translate/ and what their pages ask for."""

from django.urls import path

from evalsite.play import views

urlpatterns = [
    path("generators/<slug:slug>/explore/", views.explore, name="explore"),
    path("generators/<slug:slug>/explore/draw/", views.draw, name="explore_draw"),
    path("generators/<slug:slug>/explore/walk/", views.walk, name="explore_walk"),
    path("generators/<slug:slug>/explore/nearest/", views.nearest, name="explore_nearest"),
    path("generators/<slug:slug>/translate/", views.translate, name="translate"),
    path("generators/<slug:slug>/translate/turn/", views.turn, name="translate_turn"),
    path("exports/<int:pk>/retry/", views.retry_export, name="retry_export"),
]
