"""Which language a page is in: the browser's for those who take part, English for researchers."""

from django.conf import settings
from django.http import HttpRequest
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

FOR_PEOPLE = ("/s/", "/withdraw/", "/i18n/", "/jsi18n/")


def is_for_people(request: HttpRequest) -> bool:
    """Whether this is a page of those who take part."""
    return request.path_info.startswith(FOR_PEOPLE)


def frame(request: HttpRequest) -> dict[str, str]:
    """For the pages of errors, which both kinds of readers meet: what they extend."""
    return {"frame": "annotator.html" if is_for_people(request) else "base.html"}


class AnnotatorLocaleMiddleware(LocaleMiddleware):
    """Django's own, but for pages on which numbers and dates stay as researchers write them."""

    def process_request(self, request: HttpRequest) -> None:
        if is_for_people(request):
            super().process_request(request)
        else:
            translation.activate(settings.LANGUAGE_CODE)
            request.LANGUAGE_CODE = settings.LANGUAGE_CODE
