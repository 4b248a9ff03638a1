"""What changes when a page has something new to show: a page asks with the last stamp it got."""

from collections.abc import Iterable
from hashlib import blake2b

from django.http import HttpRequest, HttpResponse

from evalsite.catalog.models import Generator
from evalsite.jobs import Job

NOTHING_NEW = 204  # upon which htmx leaves the page as it is


def is_same(request: HttpRequest, stamp: str) -> bool:
    return request.GET.get("as_of") == stamp


def nothing_new() -> HttpResponse:
    return HttpResponse(status=NOTHING_NEW)


def stamp_of_generators(found: Iterable[Generator]) -> str:
    """Of the list of all generators: which they are, and how far each is."""
    at_work = ((each.pk, each.shown_pool, each.at_work) for each in found)
    return digest(*((pk, shown and shown.pk, job and of_job(job)) for pk, shown, job in at_work))


def of_job(job: Job) -> tuple[object, ...]:
    return job.pk, job.state, job.progress, job.note, job.ahead


def digest(*parts: object) -> str:
    """The same, short enough for an address."""
    return blake2b(joined(*parts).encode(), digest_size=8).hexdigest()


def joined(*parts: object) -> str:
    return "-".join(map(str, parts))
