"""The pages that ask whether a generator or a pool shall go for good."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from evalsite.accounts.rights import require_delete
from evalsite.catalog.models import Generator, Pool
from evalsite.catalog.services import Refused
from evalsite.leaderboard import deleting

ASKED = ["GET", "HEAD", "POST"]


@login_required
@require_http_methods(ASKED)
def delete_generator(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Generator.objects.with_state(), slug=slug)
    require_delete(request, found)
    if request.method == "POST":
        try:
            deleting.delete_generator(found)
        except Refused as error:
            messages.error(request, str(error))
            return redirect(found)
        messages.success(request, f"Deleted: {found}.")
        return redirect("generators")
    context = {
        "what": found,
        "back": found.get_absolute_url(),
        "generator": found,
        "pools": Pool.jobs.final().filter(generator=found),
        "rungs": Generator.objects.filter(drawn_on_the_way__generator=found),
        "stays": deleting.why_generator_stays(found),
    }
    return render(request, "catalog/delete_generator.html", context)


@login_required
@require_http_methods(ASKED)
def delete_pool(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Pool.jobs.of_generators().select_related("generator"), pk=pk)
    assert found.generator is not None  # noqa: S101  # of_generators
    require_delete(request, found.generator)
    if request.method == "POST":
        try:
            deleting.delete_pool(found)
        except Refused as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"Deleted: {found.size}.")
        return redirect(found.generator)
    context = {
        "what": f"a pool of {found.generator}",
        "back": found.generator.get_absolute_url(),
        "pool": found,
        "generator": found.generator,
        "stays": deleting.why_pool_stays(found),
    }
    return render(request, "catalog/delete_pool.html", context)
