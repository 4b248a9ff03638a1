"""What an observer's browser talks to: consent, the trial page, its questions, the answers, the result.

Nothing sent from here, in words, addresses, sizes or headers, tells a real image from a forged one.
"""

import json
import math
from functools import lru_cache
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evalsite.studies import services
from evalsite.studies.forms import ResponseForm
from evalsite.studies.models import Block, Observer, Study, Trial
from evalsite.studies.plots import result_plot
from pools import stimulus, store

A_YEAR_S = 365 * 24 * 3600
LARGEST_BATCH = 200


def _cookie(study: Study) -> str:
    return f"observer-{study.code}"


def _observer(request: HttpRequest, code: str) -> Observer | None:
    token = request.COOKIES.get(f"observer-{code}", "")
    return Observer.objects.select_related("study").filter(study__code=code, token=token).first()


def _require_observer(request: HttpRequest, code: str) -> Observer:
    observer = _observer(request, code)
    if observer is None:
        raise Http404("no observer with this cookie")
    return observer


@never_cache
@ensure_csrf_cookie
@require_http_methods(["GET", "POST"])
def take_part(request: HttpRequest, code: str) -> HttpResponse:
    """Consent; whoever has given it goes on where they stopped."""
    study = get_object_or_404(Study.objects.select_related("dataset", "owner"), code=code)
    if _observer(request, code):
        return redirect("trials", code)
    is_own = request.user.is_authenticated and request.user == study.owner
    if request.method == "GET" or not study.is_open:
        return render(request, "studies/take_part.html", {"study": study, "is_own": is_own})
    try:
        observer = services.take_part(study, counts=not is_own)
    except services.Refused:  # closed since it was read
        return redirect("take_part", code)
    response = redirect("trials", code)
    response.set_cookie(
        _cookie(study),
        observer.token,
        max_age=A_YEAR_S,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure(),
    )
    return response


@never_cache
@ensure_csrf_cookie
@require_GET
def trials(request: HttpRequest, code: str) -> HttpResponse:
    """The page on which trials are shown; everything else it fetches."""
    observer = _observer(request, code)
    if observer is None:
        return redirect("take_part", code)
    if observer.finished_at:
        return redirect("own_result", code)
    return render(request, "studies/trials.html", {"study": observer.study, "observer": observer})


@never_cache
@require_GET
def block(request: HttpRequest, code: str) -> JsonResponse:
    """The questions left in the observer's current block, in order."""
    observer = _require_observer(request, code)
    current = services.current_block(observer)
    if current is None:
        return JsonResponse({"finished": True})
    return JsonResponse(
        {"finished": False, "csrf": get_token(request), **_block(observer, current)}
    )


def _block(observer: Observer, current: Block) -> dict[str, Any]:
    study = observer.study
    asked = observer.trials.filter(block=current)
    total, answered = observer.trials.main().count(), observer.trials.main().answered().count()
    return {
        "block": current.position,
        "kind": current.kind,
        "feedback": current.gives_feedback,
        "protocol": study.protocol,
        "countdown_ms": services.COUNTDOWN_MS,
        "masks": services.MASKS if study.is_flash else 0,
        "mask_ms": services.MASK_MS,
        "image_px": study.dataset.resolution_px,
        "multiple": study.display_multiple,
        "answered": answered,
        "total": total,
        "trials": [
            {"code": trial.code, "exposure_ms": trial.exposure_ms}
            for trial in asked.unanswered().order_by("position")
        ],
    }


@require_POST
def responses(request: HttpRequest, code: str) -> JsonResponse:
    """Keep a batch of answers; those that cannot be read are named, and the rest are kept."""
    observer = _require_observer(request, code)
    try:
        sent = json.loads(
            request.body, parse_int=_number, parse_float=_number, parse_constant=_number
        )
        answers = sent["answers"]
        if not isinstance(answers, list) or len(answers) > LARGEST_BATCH:
            raise ValueError(f"answers must be a list of at most {LARGEST_BATCH}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = f'expected {{"answers": [{{"trial": …, "answer": …, "rt_ms": …}}]}}: {error}'
        return JsonResponse({"error": reason}, status=400)
    forms = [ResponseForm(answer if isinstance(answer, dict) else {}) for answer in answers]
    recorded = services.record_responses(
        observer, [form.cleaned_data for form in forms if form.is_valid()]
    )
    refused = [
        {"answer": answer, "errors": form.errors.get_json_data()}
        for answer, form in zip(answers, forms, strict=True)
        if not form.is_valid()
    ]
    if isinstance(sent.get("screen"), dict):
        services.describe_screen(observer, sent["screen"])
    body = {
        "saved": recorded.saved,
        "unknown": recorded.unknown,
        "refused": refused,
        "feedback": recorded.feedback,
        "next_exposure_ms": recorded.next_exposure_ms,
        "finished": recorded.finished,
    }
    return JsonResponse(body, status=400 if refused else 200)


def _number(text: str) -> float | str:
    """A number of JSON; NaN, Infinity and what overflows stay text, which no form takes for a number."""
    number = float(text)
    return number if math.isfinite(number) else text


@lru_cache(maxsize=64)
def _pool(url: str) -> store.Pool:
    """Pools never change once they are ready, so an open one may be kept."""
    return store.open_pool(url)


@require_GET
def image(request: HttpRequest, code: str) -> HttpResponse:
    """A stimulus: every one takes this way, whatever it is."""
    trial = get_object_or_404(Trial.objects.select_related("pool"), code=code)
    pixels = _pool(trial.pool.url).image(trial.image_index)
    return HttpResponse(
        stimulus.encode(pixels),
        content_type="image/png",
        headers={"Cache-Control": "private, max-age=3600, no-transform"},
    )


@never_cache
@require_GET
def own_result(request: HttpRequest, code: str) -> HttpResponse:
    observer = _observer(request, code)
    if observer is None:
        return redirect("take_part", code)
    if observer.finished_at is None:
        return redirect("trials", code)
    result = services.own_result(observer)
    context = {
        "study": observer.study,
        "observer": observer,
        "result": result,
        "plot": result_plot(result),
    }
    return render(request, "studies/own_result.html", context)
