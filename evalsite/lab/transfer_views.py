"""The pages of transferability: what is asked, and the matrix."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from evalsite.accounts.rights import may_change, may_delete
from evalsite.catalog.services import Refused
from evalsite.lab import services
from evalsite.lab.matrix import matrix
from evalsite.lab.models import Transfer
from evalsite.lab.plan_forms import TransferForm
from generators.adversarial.plan import ATTACKS


@login_required
def new(request: HttpRequest) -> HttpResponse:
    form = TransferForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        try:
            made = services.start_transfer(
                asked["plan"],
                owner=request.user,  # type: ignore[arg-type]  # login_required
                name=asked["name"],
                classifiers=asked["classifiers"],
                dataset=asked["dataset"],
            )
        except Refused as error:
            form.add_error("images", str(error))
        else:
            return redirect(made)
    return render(request, "lab/new_transfer.html", {"form": form})


@require_safe
def transfer(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Transfer.jobs.select_related("dataset", "owner"), pk=pk)
    context = {
        "transfer": found,
        "plan": found.plan,
        "way": ATTACKS[found.plan.attack],
        "matrix": matrix(found.result) if found.result else None,
        "classifiers": found.classifiers.all(),
        "may_change": may_change(request, found),
        "may_delete": may_delete(request, found),
    }
    return render(request, "lab/transfer.html", context)
