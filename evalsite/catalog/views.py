"""Pages about data sets, generators and their training."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from evalsite import jobs
from evalsite.accounts.rights import require_change
from evalsite.catalog import services
from evalsite.catalog.forms import FindForm, PoolForm, TrainForm, UploadForm
from evalsite.catalog.models import ON_SHOW, Dataset, Generator, Pool, SampleSheet, TrainingRun
from evalsite.catalog.stamps import is_same, nothing_new, stamp_of_generators
from pools import stimulus

SHEET_COLUMNS = 8
GENERATORS_A_PAGE = 24


@require_safe
def datasets(request: HttpRequest) -> HttpResponse:
    found = Dataset.objects.prefetch_related("pools")
    return render(request, "catalog/datasets.html", {"datasets": found})


@require_safe
def dataset(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Dataset.objects.prefetch_related("pools"), slug=slug)
    generators = found.generators.with_state()
    return render(request, "catalog/dataset.html", {"dataset": found, "generators": generators})


@require_safe
def generators(request: HttpRequest) -> HttpResponse:
    form = FindForm(request.GET)
    form.is_valid()
    asked = form.cleaned_data
    found = Generator.objects.imitating(asked.get("dataset")).called(asked.get("called", ""))
    page = Paginator(found.with_state(), GENERATORS_A_PAGE).get_page(request.GET.get("page"))
    at_work = [each.at_work for each in page if each.at_work]
    jobs.count_ahead(at_work)
    stamp = stamp_of_generators(page)
    if is_same(request, stamp):
        return nothing_new()
    context = {
        "form": form,
        "dataset": asked.get("dataset"),
        "datasets": Dataset.objects.all(),
        "page": page,
        "as_of": stamp,
        "is_live": any(job.is_unfinished for job in at_work),
    }
    return render(request, "catalog/generators.html", context)


def own_generator(request: HttpRequest, slug: str) -> Generator:
    """The generator of this slug, if whoever asks may change it."""
    found = get_object_or_404(Generator, slug=slug)
    require_change(request, found)
    return found


@login_required
def train(request: HttpRequest) -> HttpResponse:
    form = TrainForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        made = services.start_training(
            owner=request.user,  # type: ignore[arg-type]  # login_required
            name=asked["name"],
            dataset=asked["dataset"],
            config=asked["loaded"].as_dict(),
            images_total=asked["loaded"].images_total,
            description=asked["loaded"].description,
            seed=asked["loaded"].seed,
            pool_size=asked["pool_size"],
        )
        return redirect(made)
    return render(request, "catalog/train.html", {"form": form})


@login_required
def upload(request: HttpRequest) -> HttpResponse:
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        made = services.upload_generator(
            owner=request.user,  # type: ignore[arg-type]  # login_required
            name=asked["name"],
            dataset=asked["dataset"],
            kind=form.kind,
            file=asked["file"],
            count=asked["count"] if form.kind == Generator.Kind.ONNX else 0,
            seed=asked["seed"],
        )
        return redirect(made)
    return render(request, "catalog/upload.html", {"form": form})


@login_required
@require_POST
def sample(request: HttpRequest, slug: str) -> HttpResponse:
    found = own_generator(request, slug)
    form = PoolForm(request.POST, generator=found)
    if not found.can_sample:
        messages.error(request, "This generator has no network to draw from (yet).")
    elif form.is_valid():
        pool = services.request_pool(found, **form.cleaned_data)
        messages.success(request, f"{pool}: {pool.get_state_display()}.")
    else:
        messages.error(
            request, "; ".join(f"{k}: {' '.join(map(str, v))}" for k, v in form.errors.items())
        )
    return redirect(found)


@login_required
@require_POST
def cancel_training(request: HttpRequest, slug: str) -> HttpResponse:
    found = own_generator(request, slug)
    if jobs.cancel(get_object_or_404(TrainingRun, generator=found)):
        messages.success(request, "Cancelled. What was trained is kept: Resume goes on from there.")
    else:
        messages.error(request, "This training has ended already.")
    return redirect(found)


@login_required
@require_POST
def resume_training(request: HttpRequest, slug: str) -> HttpResponse:
    found = own_generator(request, slug)
    if not jobs.retry(get_object_or_404(TrainingRun, generator=found)):
        messages.error(request, "This training is not stopped.")
    return redirect(found)


@require_safe
@cache_control(public=True, max_age=86_400, immutable=True)
def sheet(request: HttpRequest, pk: int) -> FileResponse:
    """What a network drew at one moment of its training."""
    found = get_object_or_404(SampleSheet, pk=pk)
    return FileResponse(found.image.open(), content_type="image/png")


@require_safe
@cache_control(public=True, max_age=3600)
def pool_sheet(request: HttpRequest, pk: int) -> HttpResponse:
    """The first images of a pool, as one picture."""
    pool = get_object_or_404(Pool.jobs.ready(), pk=pk)
    images = pool.open().read(0, min(ON_SHOW, pool.count))
    return HttpResponse(stimulus.encode_grid(images, SHEET_COLUMNS), content_type="image/png")
