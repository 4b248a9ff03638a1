"""The consent that is asked where a researcher writes no other."""

from django.utils.translation import gettext, gettext_noop

CONSENT = gettext_noop(
    "You will see images. Some are real, some were made by a computer; you are asked which is which. "
    "There is no trick, and no personal data is asked: we keep your answers, their times and the "
    "size of your screen. You may stop whenever you like, and have your answers deleted."
)
NAMING_CONSENT = gettext_noop(
    "You will see images and are asked what each of them shows. Some may look odd: say what you see. "
    "No personal data is asked: we keep your answers, their times and the size of your screen. You "
    "may stop whenever you like, and have your answers deleted."
)


def consent_for(protocol: str, text: str) -> str:
    """The text that was given; the default one suits what the protocol asks."""
    return NAMING_CONSENT if protocol == "name" and text == CONSENT else text


def in_own_language(text: str) -> str:
    """A default consent in the reader's language; words of a researcher's own as they are."""
    return gettext(text) if text in (CONSENT, NAMING_CONSENT) else text
