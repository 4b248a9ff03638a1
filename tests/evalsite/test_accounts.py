import re

import pytest
from django.core import mail
from django.db import IntegrityError
from django.urls import reverse

from evalsite.accounts.models import User
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def sign_up(client):
    def send(email="ann@example.org", password=factories.PASSWORD):
        return client.post(
            reverse("sign_up"), {"email": email, "password1": password, "password2": password}
        )

    return send


def words(response):
    return response.content.decode()


def test_who_signs_up_is_logged_in(client, sign_up):
    assert sign_up().url == reverse("generators")
    page = words(client.get(reverse("generators")))
    assert "Log out" in page
    assert ">ann<" in page


@pytest.mark.parametrize("email", ["ann@example.org", "Ann@Example.ORG"])
def test_an_address_has_one_account_in_any_case(sign_up, email):
    factories.user("ann@example.org")
    assert "There is an account with this address already." in words(sign_up(email))
    assert User.objects.count() == 1


def test_the_database_too_keeps_one_account_an_address():
    factories.user("ann@example.org")
    with pytest.raises(IntegrityError):
        factories.user("ANN@example.org")


@pytest.mark.parametrize("password", ["12345678901", "short", "password123", "ann@example.org"])
def test_a_weak_password_is_refused(sign_up, password):
    assert sign_up(password=password).status_code == 200
    assert not User.objects.exists()


def test_sign_up_can_be_closed(client, sign_up, settings):
    settings.SIGNUP_OPEN = False
    assert client.get(reverse("sign_up")).status_code == 403
    assert sign_up().status_code == 403
    assert not User.objects.exists()


def test_the_address_may_be_written_in_any_case_to_log_in(client):
    factories.user("Ann@example.org")
    response = client.post(
        reverse("login"), {"username": "ann@EXAMPLE.org", "password": factories.PASSWORD}
    )
    assert response.url == reverse("generators")


def test_a_wrong_password_is_refused_without_saying_which_part_is_wrong(client):
    factories.user("ann@example.org")
    pages = [
        words(client.post(reverse("login"), {"username": email, "password": "wrong"}))
        for email in ("ann@example.org", "nobody@example.org")
    ]
    errors = [re.search(r'class="errorlist[^>]*>(.*?)</ul>', page, re.DOTALL)[1] for page in pages]
    assert errors[0] == errors[1]


def test_logging_in_leads_back_to_where_one_was_going(client, logged_in):
    client.logout()
    address = client.get(reverse("launch")).url
    response = client.post(address, {"username": logged_in.email, "password": factories.PASSWORD})
    assert response.url == reverse("launch")


def test_logging_out_leads_home(client, logged_in):
    assert client.post(reverse("logout")).url == reverse("home")
    assert "Log in" in words(client.get(reverse("home")))


def test_a_forgotten_password_is_reset_by_a_link_in_a_mail(client):
    user = factories.user("ann@example.org")
    response = client.post(reverse("password_reset"), {"email": "ANN@example.org"})
    assert response.url == reverse("password_reset_done")
    (letter,) = mail.outbox
    assert letter.to == ["ann@example.org"]
    assert letter.subject == "Reset your password on Uncanny"
    link = re.search(r"http://testserver(/\S+)", letter.body)[1]
    form = client.get(link, follow=True)
    new = "quite another phrase"
    done = client.post(form.redirect_chain[-1][0], {"new_password1": new, "new_password2": new})
    assert done.url == reverse("password_reset_complete")
    user.refresh_from_db()
    assert user.check_password(new)
    assert client.get(link).context["validlink"] is False


def test_an_unknown_address_gets_the_same_page_and_no_mail(client):
    response = client.post(reverse("password_reset"), {"email": "nobody@example.org"})
    assert response.url == reverse("password_reset_done")
    assert mail.outbox == []


def test_a_password_is_changed_by_its_owner(client, logged_in):
    new = "quite another phrase"
    client.post(
        reverse("password_change"),
        {"old_password": factories.PASSWORD, "new_password1": new, "new_password2": new},
    )
    logged_in.refresh_from_db()
    assert logged_in.check_password(new)


def test_the_admin_is_for_staff(client, logged_in):
    assert client.get(reverse("admin:index")).status_code == 302
    client.force_login(User.objects.create_superuser("root@example.org", factories.PASSWORD))
    for model in (
        "accounts_user",
        "catalog_generator",
        "catalog_pool",
        "catalog_dataset",
        "catalog_trainingrun",
        "studies_study",
    ):
        assert client.get(reverse(f"admin:{model}_changelist")).status_code == 200
    assert client.get(reverse("admin:accounts_user_add")).status_code == 200
