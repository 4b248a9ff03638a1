"""The consent that is asked where a researcher writes no other."""

from django.utils.translation import gettext, gettext_noop

CONSENT = gettext_noop(
    "You will see images. Some are real, some were made by a computer; you are asked which is which. "
    "There is no trick, and no personal data is asked: we keep your answers, their times and the "
    "size of your screen. You may stop whenever you like, and have your answers deleted."
)


def in_own_language(text: str) -> str:
    """The default consent in the reader's language; words of a researcher's own as they are."""
    return gettext(text) if text == CONSENT else text
