"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("evalsite.home.urls")),
    path("", include("evalsite.studies.urls")),  # before results: /studies/launch/ is no code
    path("", include("evalsite.leaderboard.urls")),
    path("", include("evalsite.catalog.urls")),
    path("accounts/", include("evalsite.accounts.urls")),
    path("admin/", admin.site.urls),
]
