"""The pages of attacks: a new one, what came of it, and its images."""

from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from evalsite.accounts.rights import may_change, may_delete
from evalsite.catalog.models import Pool
from evalsite.catalog.services import Refused
from evalsite.lab import services
from evalsite.lab.attack_page import page_of
from evalsite.lab.models import Attack, Classifier, Rung
from evalsite.lab.pictures import CHANGE, MADE, PARTS, SHOWN, originals, part_of
from evalsite.lab.plan_forms import AttackForm
from evalsite.leaderboard.pictures import sees_pictures, side_px
from evalsite.studies.models import Protocol
from generators.adversarial.plan import ATTACKS
from pools import stimulus


@login_required
def new(request: HttpRequest) -> HttpResponse:
    form = AttackForm(request.POST or None, initial={"classifier": request.GET.get("classifier")})
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        try:
            made = services.start_attack(
                asked["plan"],
                owner=request.user,  # type: ignore[arg-type]  # login_required
                name=asked["name"],
                classifier=asked["classifier"],
                dataset=asked["dataset"],
            )
        except Refused as error:
            form.add_error("images", str(error))
        else:
            return redirect(made)
    context = {"form": form, "soon": Classifier.jobs.unfinished().first()}
    return render(request, "lab/new_attack.html", context)


@require_safe
def attack(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Attack.jobs.select_related("classifier", "dataset", "owner"), pk=pk)
    page = page_of(found)
    context = {
        "attack": found,
        "plan": found.plan,
        "way": ATTACKS[found.plan.attack],
        "target": _target(found),
        "page": page,
        "sees_pictures": _sees(request, found),
        "side_px": side_px(found.dataset.resolution_px),
        "launch": _launch_address(found, page.pools),
        "may_change": may_change(request, found),
        "may_delete": may_delete(request, found),
    }
    return render(request, "lab/attack.html", context)


def _target(attack: Attack) -> str:
    """The class that images are to be taken for, by name; empty if any wrong one will do."""
    number = attack.plan.target
    return "" if number is None else str(attack.classifier.class_names[number])


def _launch_address(attack: Attack, pools: list[Pool]) -> str:
    """The launch form with these pools chosen, and the question what they show if that is known."""
    is_known = attack.plan.about.starts_from == "images"
    protocol = Protocol.NAME if is_known else Protocol.UNLIMITED
    asked: list[tuple[str, str | int]] = [
        ("name", f"{attack}: what is it?" if is_known else f"{attack}: real?"),
        ("protocol", protocol.value),
        ("dataset", attack.dataset.pk),
        *(("pool", pool.pk) for pool in pools),
    ]
    return f"{reverse('launch')}?{urlencode(asked)}"


def _sees(request: HttpRequest, attack: Attack) -> bool:
    """Its researcher does; others once no study may show its images, nor what they were made from."""
    pools = Pool.jobs.filter(rung__attack=attack).select_related("generator")
    return may_change(request, attack) or all(sees_pictures(request, pool) for pool in pools)


def _rung(request: HttpRequest, pk: int, position: int, part: str) -> Rung:
    parts = Rung.objects.select_related("attack__dataset", "attack__owner", "pool__generator")
    found = get_object_or_404(parts, attack=pk, position=position)
    if part not in PARTS or not found.done:
        raise Http404("this attack has no such images (yet)")
    _require_sight(request, found.attack)
    return found


def _require_sight(request: HttpRequest, attack: Attack) -> None:
    if not _sees(request, attack):
        raise PermissionDenied("Single images are shown when no study may show them any more.")


@require_safe
def film(request: HttpRequest, pk: int) -> FileResponse:
    """Images while they were forged, as an animation."""
    found = get_object_or_404(Attack.jobs.exclude(film=""), pk=pk)
    _require_sight(request, found)
    return FileResponse(found.film.open(), content_type="image/webp")


@require_safe
def row(request: HttpRequest, pk: int, position: int, part: str) -> HttpResponse:
    """The first images of a rung beside one another: as they were, what was added, as they are."""
    shown = part_of(_rung(request, pk, position, part), part)
    return _answer(stimulus.encode_grid(shown, SHOWN))


@require_safe
def image(request: HttpRequest, pk: int, position: int, part: str, index: int) -> HttpResponse:
    """One image of a rung, as it was or as it is."""
    rung = _rung(request, pk, position, part)
    if index >= rung.done or part == CHANGE:
        raise Http404(f"this rung has no image {index}")
    shown = rung.open().image(index) if part == MADE else originals(rung.attack, [index])[0]
    return _answer(stimulus.encode(shown))


def _answer(png: bytes) -> HttpResponse:
    headers = {"Cache-Control": "private, max-age=60, no-transform"}
    return HttpResponse(png, content_type=stimulus.MEDIA_TYPE, headers=headers)
