"""/studies/… for researchers, /s/… and /i/… for observers."""

from django.urls import path

from evalsite.studies import api, views

urlpatterns = [
    path("studies/", views.studies, name="studies"),
    path("studies/launch/", views.launch, name="launch"),
    path("studies/<slug:code>/close/", views.close, name="close_study"),
    path("studies/<slug:code>/trials.csv", views.trials_csv, name="trials_csv"),
    path("s/<slug:code>/", api.take_part, name="take_part"),
    path("s/<slug:code>/trials/", api.trials, name="trials"),
    path("s/<slug:code>/block/", api.block, name="block"),
    path("s/<slug:code>/responses/", api.responses, name="responses"),
    path("s/<slug:code>/result/", api.own_result, name="own_result"),
    path("i/<str:code>.png", api.image, name="image"),
]
