"""Sweeps: all of them, a new one, and the end of one."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from evalsite import jobs
from evalsite.accounts.rights import require_change
from evalsite.catalog.forms import SweepForm
from evalsite.catalog.models import Sweep
from evalsite.catalog.sweeps_starting import start_sweep


@require_safe
def sweeps(request: HttpRequest) -> HttpResponse:
    found = Sweep.objects.select_related("dataset", "owner")
    return render(request, "catalog/sweeps.html", {"sweeps": found})


@login_required
def new_sweep(request: HttpRequest) -> HttpResponse:
    form = SweepForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        made = start_sweep(
            asked["trainings"],
            owner=request.user,  # type: ignore[arg-type]  # login_required
            name=asked["name"],
            dataset=asked["dataset"],
            config=asked["loaded"],
            search=asked["search"],
            space=asked["space"],
            draw_seed=asked["draw_seed"],
            pool_size=asked["pool_size"],
        )
        return redirect(made)
    return render(request, "catalog/sweep_form.html", {"form": form})


@login_required
@require_POST
def cancel_sweep(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Sweep, slug=slug)
    require_change(request, found)
    if sum(jobs.cancel(run) for run in found.runs.all()):
        messages.success(request, "Cancelled. What was trained is kept: Resume goes on from there.")
    else:
        messages.error(request, "All its trainings have ended already.")
    return redirect(found)


@login_required
@require_POST
def resume_sweep(request: HttpRequest, slug: str) -> HttpResponse:
    """What failed stays as it is: it would fail again, or has a page that says why."""
    found = get_object_or_404(Sweep, slug=slug)
    require_change(request, found)
    cancelled = found.runs.filter(state=jobs.JobState.CANCELLED)
    if not sum(jobs.retry(run) for run in cancelled):
        messages.error(request, "None of its trainings is cancelled.")
    return redirect(found)
