"""The lab's front page, the linear model, and the classifiers; what is cancelled, tried again, deleted."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from evalsite import jobs
from evalsite.accounts.rights import may_change, may_delete, require_change, require_delete
from evalsite.catalog.services import Refused
from evalsite.lab import deleting, services
from evalsite.lab.deleting import Row
from evalsite.lab.forms import LinearForm, TrainForm, UploadForm
from evalsite.lab.linear import FEWEST_POWER, MOST_POWER, growth, worked
from evalsite.lab.models import Attack, Classifier, Transfer
from generators.adversarial.plan import ATTACKS

KINDS: dict[str, type[Row]] = {
    "attacks": Attack,
    "classifiers": Classifier,
    "transfers": Transfer,
}


@require_safe
def lab(request: HttpRequest) -> HttpResponse:
    """What the lab is for, and all that is in it."""
    context = {
        "attacks": Attack.jobs.select_related("classifier", "dataset", "owner"),
        "classifiers": Classifier.jobs.select_related("dataset", "owner"),
        "transfers": Transfer.jobs.select_related("dataset"),
        "ways": ATTACKS,
        "has_embedded": Classifier.jobs.filter(kind=Classifier.Kind.EMBEDDED).exists(),
    }
    return render(request, "lab/lab.html", context)


@require_safe
def linear(request: HttpRequest) -> HttpResponse:
    """The lecture's linear model, with its numbers or with those that are asked for."""
    form = LinearForm(request.GET or None)
    weights, example, epsilon = form.numbers()
    found = worked(weights, example, epsilon)
    context = {
        "form": form,
        "worked": found,
        "rows": list(zip(found.rows, *form.boxes(), strict=True)),
        "scores": found.scores,
        "growth": growth(found.mean_weight, epsilon),
        "epsilon": epsilon,
        "low": 10.0**FEWEST_POWER,
        "high": 10.0**MOST_POWER,
    }
    return render(request, "lab/linear.html", context)


@login_required
def train(request: HttpRequest) -> HttpResponse:
    form = TrainForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = services.train_classifier(owner=request.user, **form.cleaned_data)  # type: ignore[arg-type]
        return redirect(made)
    return render(request, "lab/train.html", {"form": form})


@login_required
def upload(request: HttpRequest) -> HttpResponse:
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        made = services.upload_classifier(
            owner=request.user,  # type: ignore[arg-type]  # login_required
            kind=form.kind,
            **form.cleaned_data,
        )
        return redirect(made)
    return render(request, "lab/upload.html", {"form": form})


@login_required
@require_POST
def embedded(request: HttpRequest) -> HttpResponse:
    """Add the network that comes with the site."""
    return redirect(services.add_embedded())


@require_safe
def classifier(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Classifier.jobs.select_related("dataset", "owner"), pk=pk)
    context = {
        "classifier": found,
        "attacks": found.attacks.select_related("dataset"),
        "may_change": may_change(request, found),
        "may_delete": may_delete(request, found),
    }
    return render(request, "lab/classifier.html", context)


@login_required
@require_POST
def cancel(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """Stop the work on a row; what is made is kept."""
    found = _own(request, kind, pk)
    jobs.cancel(found)
    return redirect(found)


@login_required
@require_POST
def retry(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """Go on with what failed or was cancelled."""
    found = _own(request, kind, pk)
    jobs.retry(found)
    return redirect(found)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """Ask whether a row shall go for good, and delete it."""
    found = _row(kind, pk)
    require_delete(request, found)
    if request.method == "POST":
        try:
            deleting.delete(found)
        except Refused as error:
            messages.error(request, str(error))
            return redirect(found)
        messages.success(request, f"Deleted: {found}.")
        return redirect("lab")
    context = {
        "what": found,
        "back": found.get_absolute_url(),
        "kind": kind,
        "stays": deleting.why_stays(found),
        "made": deleting.made_by(found) if isinstance(found, Attack) else [],
    }
    return render(request, "lab/delete.html", context)


def _own(request: HttpRequest, kind: str, pk: int) -> Row:
    found = _row(kind, pk)
    require_change(request, found)
    return found


def _row(kind: str, pk: int) -> Row:
    if kind not in KINDS:
        raise Http404(f"the lab has no {kind}")
    return cast("Row", get_object_or_404(KINDS[kind].jobs.all(), pk=pk))
