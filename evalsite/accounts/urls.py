"""/accounts/…"""

from django.urls import include, path

from evalsite.accounts import views

urlpatterns = [
    path("sign-up/", views.sign_up, name="sign_up"),
    path("", include("django.contrib.auth.urls")),
]
