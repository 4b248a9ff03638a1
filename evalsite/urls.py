"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path
from django.views.i18n import JavaScriptCatalog

handler500 = "evalsite.home.views.broken"

urlpatterns = [
    path("", include("evalsite.home.urls")),
    path("", include("evalsite.studies.urls")),  # before results: /studies/launch/ is no code
    path("", include("evalsite.catalog.urls")),  # before generators: /generators/train/ is none
    path("", include("evalsite.play.urls")),
    path("lab/", include("evalsite.lab.urls")),
    path("", include("evalsite.leaderboard.urls")),
    path("accounts/", include("evalsite.accounts.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("jsi18n/", JavaScriptCatalog.as_view(packages=["evalsite"]), name="javascript-catalog"),
    path("admin/", admin.site.urls),
]
