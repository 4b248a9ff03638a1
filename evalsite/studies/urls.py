"""/studies/… for researchers; /s/…, /i/…, /m/… and /withdraw/ for observers."""

from django.urls import path

from evalsite.studies import api, exchange, views

urlpatterns = [
    path("studies/", views.studies, name="studies"),
    path("studies/launch/", views.launch, name="launch"),
    path("studies/launch/plan/", views.plan, name="plan"),
    path("studies/import/", exchange.import_trials, name="import_trials"),
    path("studies/<slug:code>/close/", views.close, name="close_study"),
    path("studies/<slug:code>/delete/", views.delete, name="delete_study"),
    path("studies/<slug:code>/payments/", views.payments, name="payments"),
    path("studies/<slug:code>/remove/", exchange.remove_import, name="remove_import"),
    path("studies/<slug:code>/trials.csv", exchange.trials_csv, name="trials_csv"),
    path("studies/<slug:code>/trials.parquet", exchange.trials_parquet, name="trials_parquet"),
    path(
        "studies/<slug:code>/trials/dictionary.csv",
        exchange.data_dictionary,
        name="data_dictionary",
    ),
    path("s/<slug:code>/", api.take_part, name="take_part"),
    path("s/<slug:code>/trials/", api.trials, name="trials"),
    path("s/<slug:code>/block/", api.block, name="block"),
    path("s/<slug:code>/responses/", api.responses, name="responses"),
    path("s/<slug:code>/result/", api.own_result, name="own_result"),
    path("i/<str:code>.png", api.image, name="image"),
    path("m/<str:code>.png", api.masks, name="masks"),
    path("withdraw/", api.withdraw, name="withdraw"),
]
