"""What researchers see of a study: its launch, its link, its results."""

from typing import TextIO, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from evalsite.accounts.rights import require_change
from evalsite.studies import services
from evalsite.studies.forms import SECONDS_A_TRIAL, LaunchForm
from evalsite.studies.models import Study
from evalsite.studies.table import trial_table
from scoring.table import write_csv


@require_safe
def studies(request: HttpRequest) -> HttpResponse:
    found = Study.objects.with_counts().select_related("dataset", "owner")
    return render(request, "studies/studies.html", {"studies": found})


@login_required
def launch(request: HttpRequest) -> HttpResponse:
    form = LaunchForm(request.POST or None, initial={"pools": request.GET.getlist("pool")})
    if request.method == "POST" and form.is_valid():
        try:
            study = services.launch_study(
                owner=request.user,  # type: ignore[arg-type]  # login_required
                **form.cleaned_data,
            )
        except services.Refused as error:
            form.add_error(None, str(error))
        else:
            return redirect(study)
    return render(
        request, "studies/launch.html", {"form": form, "seconds_a_trial": SECONDS_A_TRIAL}
    )


def _own(request: HttpRequest, code: str) -> Study:
    study = get_object_or_404(Study, code=code)
    require_change(request, study)
    return study


@login_required
@require_POST
def close(request: HttpRequest, code: str) -> HttpResponse:
    study = _own(request, code)
    services.close_study(study)
    messages.success(request, "Closed. Nobody can start it any more; all answers are kept.")
    return redirect(study)


@login_required
@require_safe
def trials_csv(request: HttpRequest, code: str) -> HttpResponse:
    """Every answer that counts, as `python -m scoring` reads it."""
    study = _own(request, code)
    simulated = "simulated" in request.GET
    name = f"trials-{study.code}{'-simulated' if simulated else ''}.csv"
    response = HttpResponse(
        content_type="text/csv", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
    write_csv(trial_table([study], simulated=simulated), cast(TextIO, response))
    return response
