"""What researchers see of a study: its launch, its link, its results."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from evalsite.accounts.rights import require_change, require_delete
from evalsite.studies import services
from evalsite.studies.design import Rules
from evalsite.studies.forms import LaunchForm, rules_of
from evalsite.studies.models import Protocol, Study
from evalsite.studies.outlook import USUAL_POINTS, naming_plan, outlook


@require_safe
def studies(request: HttpRequest) -> HttpResponse:
    found = Study.objects.with_counts().select_related("dataset", "owner")
    return render(request, "studies/studies.html", {"studies": found})


@login_required
def launch(request: HttpRequest) -> HttpResponse:
    form = LaunchForm(
        request.POST or None, initial={**request.GET.dict(), "pools": request.GET.getlist("pool")}
    )
    if request.method == "POST" and form.is_valid():
        try:
            study = services.launch_study(
                owner=request.user,  # type: ignore[arg-type]  # login_required
                **form.launch_options(),
            )
        except services.Refused as error:
            form.add_error(None, str(error))
        else:
            return redirect(study)
    return render(request, "studies/launch.html", {"form": form})


@login_required
@require_safe
def plan(request: HttpRequest) -> HttpResponse:
    """What the study in the form would take, as far as it is filled in."""
    form = LaunchForm(request.GET)
    context = {} if set(form.errors) - {"name", "consent_text"} else _outlook(form.cleaned_data)
    return render(request, "studies/plan.html", context)


def _outlook(asked: dict[str, Any]) -> dict[str, Any]:
    protocol, rules = Protocol(asked["protocol"]), rules_of(asked)
    if protocol == Protocol.NAME:
        return _naming_outlook(asked, rules)
    points = asked["goal_points"] or USUAL_POINTS
    sizes = {"trials": asked["trials"], "generators": len(asked["pools"])}
    try:
        plan = outlook(protocol, rules, points=points, **sizes)
    except ValueError as error:
        return {"reason": str(error)}
    currency = rules.payment.currency
    is_flash = protocol == Protocol.FLASH
    return {"plan": plan, "points": points, "currency": currency, "is_flash": is_flash}


def _naming_outlook(asked: dict[str, Any], rules: Rules) -> dict[str, Any]:
    trials, pools = asked["trials"], asked["pools"]
    study = Study(
        protocol=Protocol.NAME,
        real_pool=asked["dataset"].held_out_pool,
        rules_json=rules.as_json(),
        trials_per_observer=trials,
        practice_trials=asked["practice_trials"],
    )
    if trials <= len(pools):
        return {"reason": f"an observer needs at least {len(pools) + 1} trials, got {trials}"}
    naming = naming_plan(rules, services.observers_needed(study, pools), trials=trials)
    return {"naming": naming, "currency": rules.payment.currency}


def own_study(request: HttpRequest, code: str) -> Study:
    """The study of this code, if whoever asks may change it."""
    study = get_object_or_404(Study, code=code)
    require_change(request, study)
    return study


@login_required
@require_POST
def close(request: HttpRequest, code: str) -> HttpResponse:
    study = own_study(request, code)
    services.close_study(study)
    messages.success(request, "Closed. Nobody can start it any more; all answers are kept.")
    return redirect(study)


@login_required
@require_POST
def delete(request: HttpRequest, code: str) -> HttpResponse:
    """For good: only while it waits for images, so that nobody was asked anything."""
    study = get_object_or_404(Study, code=code)
    require_delete(request, study)
    try:
        services.delete_waiting(study)
    except services.Refused as error:
        messages.error(request, f"Not deleted: {error}.")
        return redirect(study)
    messages.success(request, f"Deleted: {study}. Its images and generators are kept.")
    return redirect("studies")


@login_required
@require_safe
def payments(request: HttpRequest, code: str) -> HttpResponse:
    """Who is owed what: for the owner alone, and in no export."""
    study = own_study(request, code)
    context = {"study": study, "payroll": services.payroll(study)}
    return render(request, "studies/payments.html", context)
