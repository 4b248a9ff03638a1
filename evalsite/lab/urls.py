"""/lab/: the front page, the linear model, classifiers, attacks, transferability."""

from django.urls import path

from evalsite.lab import attack_views, transfer_views, views

urlpatterns = [
    path("", views.lab, name="lab"),
    path("linear/", views.linear, name="lab_linear"),
    path("classifiers/train/", views.train, name="lab_train"),
    path("classifiers/upload/", views.upload, name="lab_upload"),
    path("classifiers/embedded/", views.embedded, name="lab_embedded"),
    path("classifiers/<int:pk>/", views.classifier, name="lab_classifier"),
    path("attacks/new/", attack_views.new, name="lab_new_attack"),
    path("attacks/<int:pk>/", attack_views.attack, name="lab_attack"),
    path("attacks/<int:pk>/film.webp", attack_views.film, name="lab_film"),
    path("attacks/<int:pk>/<int:position>/<str:part>.png", attack_views.row, name="lab_row"),
    path(
        "attacks/<int:pk>/<int:position>/<str:part>/<int:index>.png",
        attack_views.image,
        name="lab_image",
    ),
    path("transfers/new/", transfer_views.new, name="lab_new_transfer"),
    path("transfers/<int:pk>/", transfer_views.transfer, name="lab_transfer"),
    path("<str:kind>/<int:pk>/cancel/", views.cancel, name="lab_cancel"),
    path("<str:kind>/<int:pk>/retry/", views.retry, name="lab_retry"),
    path("<str:kind>/<int:pk>/delete/", views.delete, name="lab_delete"),
]
