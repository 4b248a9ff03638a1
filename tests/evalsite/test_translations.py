"""What those who take part read is there, whole and up to date, in every language."""

import ast
import json
import re
from functools import cache
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.template import engines
from django.templatetags.i18n import BlockTranslateNode, TranslateNode
from django.utils.translation import to_locale

ROOT = Path(settings.BASE_DIR)
LOCALES = [to_locale(code) for code, _ in settings.LANGUAGES if code != "en"]
DOMAINS = ("django", "djangojs")
MARKS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext"}
STRING = r'"((?:[^"\\]|\\.)*)"'
MARKED = re.compile(rf"\b(?:gettext\(\s*{STRING}|ngettext\(\s*{STRING},\s*{STRING})")

each_catalogue = pytest.mark.parametrize(
    ("locale", "domain"), [(locale, domain) for locale in LOCALES for domain in DOMAINS]
)


def path_of(locale, domain, kind="po"):
    return ROOT / "locale" / locale / "LC_MESSAGES" / f"{domain}.{kind}"


@cache
def catalogue(locale, domain):
    return polib.pofile(str(path_of(locale, domain)))


def translations(entry):
    return list(entry.msgstr_plural.values()) or [entry.msgstr]


def filled_in(text):
    """What has to stay as it is: names to be filled in, percent signs, tags."""
    return sorted(re.findall(r"%\(\w+\)s|%%|<[^>]+>", text))


def said(domain, text, locale):
    return catalogue(locale, domain).find(text).msgstr


def marked_in_templates():
    engine = engines["django"]
    for path in (ROOT / "templates").rglob("*.html"):
        nodes = engine.from_string(path.read_text()).template.nodelist
        for node in nodes.get_nodes_by_type(TranslateNode):
            yield node.filter_expression.var.literal.replace("%", "%%")
        for node in nodes.get_nodes_by_type(BlockTranslateNode):
            yield from (node.render_token_list(part)[0] for part in (node.singular, node.plural))


def marked_in_python():
    for path in (ROOT / "evalsite").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in MARKS:
                yield from (each.value for each in node.args if isinstance(each, ast.Constant))


def marked_in_scripts():
    for path in (ROOT / "evalsite" / "static" / "trial").glob("*.js"):
        for literals in MARKED.findall(path.read_text()):
            yield from (json.loads(f'"{literal}"') for literal in literals)


MARKED_IN = {
    "django": lambda: {*marked_in_templates(), *marked_in_python()},
    "djangojs": lambda: {*marked_in_scripts()},
}


@each_catalogue
def test_all_that_is_marked_is_in_the_catalogue_and_nothing_else(locale, domain):
    entries = catalogue(locale, domain)
    assert len(entries) > 60
    known = {text for entry in entries for text in (entry.msgid, entry.msgid_plural)}
    assert known - {""} == MARKED_IN[domain]() - {""}


@each_catalogue
def test_every_text_is_translated_and_none_by_guess(locale, domain):
    missing = [entry.msgid for entry in catalogue(locale, domain) if not all(translations(entry))]
    assert missing == []
    assert catalogue(locale, domain).fuzzy_entries() == []


@each_catalogue
def test_a_translation_fills_in_what_the_english_does(locale, domain):
    wrong = [
        text
        for entry in catalogue(locale, domain)
        for text in translations(entry)
        if filled_in(text) not in (filled_in(entry.msgid), filled_in(entry.msgid_plural))
    ]
    assert wrong == []


@each_catalogue
def test_a_count_has_as_many_forms_as_the_language(locale, domain):
    rule = catalogue(locale, domain).metadata["Plural-Forms"]
    wanted = {"es": 3, "fr": 3, "ar": 6, "hi": 2, "zh_Hans": 1}[locale]
    assert rule.startswith(f"nplurals={wanted};")
    forms = [len(e.msgstr_plural) for e in catalogue(locale, domain) if e.msgid_plural]
    assert set(forms) == {wanted}


@each_catalogue
def test_what_is_compiled_is_what_is_written(locale, domain):
    compiled = polib.mofile(str(path_of(locale, domain, "mo")))
    written = catalogue(locale, domain)
    assert compiled.metadata == written.metadata
    assert {e.msgid: translations(e) for e in compiled} == {
        e.msgid: translations(e) for e in written
    }


@each_catalogue
def test_a_catalogue_tells_neither_when_nor_where_it_was_made(locale, domain):
    lines = path_of(locale, domain).read_text().splitlines()
    assert [line for line in lines if line.startswith(("#:", '"POT-', '"PO-', '"Last'))] == []


@pytest.mark.parametrize("locale", LOCALES)
def test_the_words_of_the_buttons_are_those_of_the_instructions(locale):
    real, fake, done = (said("django", word, locale) for word in ("Real", "Fake", "Done"))
    for question in (
        "Look as long as you like, then say: real or fake?",
        "When the image is gone, say: real or fake?",
        "Look at the middle, then say: real or fake?",
    ):
        asked = said("djangojs", question, locale)
        assert real.lower() in asked
        assert fake.lower() in asked
    marking = "Mark every image that was made by a computer, then press Done."
    assert done in said("djangojs", marking, locale)
    assert said("djangojs", "real", locale) == real.lower()
    assert said("djangojs", "fake", locale) == fake.lower()


@pytest.mark.parametrize("locale", LOCALES)
def test_a_text_that_both_catalogues_have_is_the_same_in_both(locale):
    page = {entry.msgid: entry.msgstr for entry in catalogue(locale, "django")}
    shared = [entry for entry in catalogue(locale, "djangojs") if entry.msgid in page]
    assert len(shared) >= 3
    assert [e.msgid for e in shared if e.msgstr != page[e.msgid]] == []
