"""What an observer's browser talks to: consent, the trial page, its questions, the answers, the result.

Nothing sent from here, in words, addresses, sizes or headers, tells a real image from a forged one.
"""

import json
import math
from functools import lru_cache, partial
from hashlib import blake2b
from typing import Any

import numpy as np
from csp.decorators import csp_replace
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evalsite.studies import services
from evalsite.studies.answer_form import ResponseForm
from evalsite.studies.forms import WithdrawForm
from evalsite.studies.models import Block, Observer, Study, Trial
from evalsite.studies.platforms import TURK_FRAMES, Arrival, arrival_of, way_back
from evalsite.studies.plots import result_plot
from evalsite.studies.words import in_own_language
from pools import scramble, stimulus, store

A_YEAR_S = 365 * 24 * 3600
LARGEST_BATCH = 200
MOST_WRONG_CODES, FORGET_WRONG_CODES_S = 20, 600


def _cookie(code: str) -> str:
    return f"observer-{code}"


def _observer(request: HttpRequest, code: str) -> Observer | None:
    token = request.COOKIES.get(_cookie(code), "")
    return Observer.objects.select_related("study").filter(study__code=code, token=token).first()


def _require_observer(request: HttpRequest, code: str) -> Observer:
    observer = _observer(request, code)
    if observer is None:
        raise Http404("no observer with this cookie")
    return observer


_framed_by_turk = csp_replace({"frame-ancestors": TURK_FRAMES})
"""Mechanical Turk shows the consent in a frame of its page; nobody else may."""


@never_cache
@ensure_csrf_cookie
@require_http_methods(["GET", "POST"])
def take_part(request: HttpRequest, code: str) -> HttpResponseBase:
    """Consent; whoever has given it goes on where they stopped."""
    study = get_object_or_404(Study.objects.select_related("dataset", "owner"), code=code)
    arrival = arrival_of(request.GET)
    is_framed = request.headers.get("Sec-Fetch-Dest") == "iframe"  # where trials cannot be shown
    starts = not (is_framed or arrival.is_preview)
    if starts and (observer := _known(request, study, arrival)):
        return _go_on(request, observer)
    is_own = request.user.is_authenticated and request.user == study.owner
    is_full = False
    if request.method == "POST" and study.is_open and starts:
        try:
            language = get_language() or ""
            observer = services.take_part(
                study, arrival=arrival, counts=not is_own, language=language
            )
        except services.Refused:  # closed since it was read, or no money is left
            study.refresh_from_db()
            is_full = study.is_open
        else:
            return _go_on(request, observer)
    context = {
        "study": study,
        "rules": study.rules,
        "screens": study.trials_per_observer + _catch_screens(study),
        "consent": in_own_language(study.consent_text),
        "arrival": arrival,
        "is_own": is_own,
        "is_full": is_full,
        "is_framed": is_framed,
        "pay": study.rules.payment,
    }
    show = partial(render, template_name="studies/take_part.html", context=context)
    if arrival.source == Observer.Source.MTURK:
        return _framed_by_turk(xframe_options_exempt(show))(request)
    return show(request)


def _known(request: HttpRequest, study: Study, arrival: Arrival) -> Observer | None:
    """Who this is by the cookie, unless another participant now sits at the same browser."""
    observer = _observer(request, study.code)
    if observer and arrival.participant in ("", observer.participant):
        return observer
    return services.returning(study, arrival)


def _go_on(request: HttpRequest, observer: Observer) -> HttpResponse:
    code = observer.study.code
    response = redirect("trials", code)
    if request.COOKIES.get(_cookie(code)) != observer.token:
        response.set_cookie(
            _cookie(code),
            observer.token,
            max_age=A_YEAR_S,
            httponly=True,
            samesite="Lax",
            secure=request.is_secure(),
        )
    return response


def _catch_screens(study: Study) -> int:
    """Screens that catch trials add; in a grid they add none."""
    return 0 if study.protocol == "select" else study.rules.catch_trials


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
        return JsonResponse({"finished": True, "qualified": observer.qualified})
    return JsonResponse(
        {"finished": False, "csrf": get_token(request), **_block(observer, current)}
    )


def _block(observer: Observer, current: Block) -> dict[str, Any]:
    study, rules = observer.study, observer.study.rules
    screens = services.screens_of(observer)
    main = [screen for screen in screens if screen.kind == Block.Kind.MAIN]
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
        "allow_ties": rules.allow_ties,
        "against": rules.against,
        "class_names": study.class_names,
        "answered": sum(screen.is_answered for screen in main),
        "total": len(main),
        "screens": [
            {"code": screen.code, "images": screen.images, "exposure_ms": screen.exposure_ms}
            for screen in screens
            if screen.block == current.pk and not screen.is_answered
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
    for form in forms:
        unfit = recorded.refused.get(form.cleaned_data.get("trial", ""))
        if unfit and form.is_valid():
            form.add_error("answer", unfit)
    refused = [
        {"answer": answer, "errors": form.errors.get_json_data()}
        for answer, form in zip(answers, forms, strict=True)
        if form.errors
    ]
    if isinstance(sent.get("screen"), dict):
        services.describe_screen(observer, sent["screen"])
    body = {
        "saved": recorded.saved,
        "unknown": recorded.unknown,
        "refused": refused,
        "feedback": recorded.feedback,
        "answers": recorded.answers,
        "next_exposure_ms": recorded.next_exposure_ms,
        "finished": recorded.finished,
        "qualified": recorded.qualified,
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
    if trial.is_catch:
        pixels = scramble.shuffled_pixels(pixels, seed=_seed(code))
    return _png(pixels)


@require_GET
def masks(request: HttpRequest, code: str) -> HttpResponse:
    """The masks after a flash, one above the other: of any images of the study, by the code alone."""
    trials = Trial.objects.select_related("observer__study__real_pool")
    study = get_object_or_404(trials, code=code).observer.study
    if not study.is_flash:
        raise Http404("only a flash is masked")
    rng = np.random.default_rng(_seed(code))
    forged = list(study.pools.order_by("pk"))
    chosen = [study.real_pool, forged[rng.integers(len(forged))]]
    images = [_pool(pool.url).image(int(rng.integers(pool.count))) for pool in chosen]
    strip = scramble.phase_scrambled(np.stack(images), services.MASKS, seed=_seed(code))
    return _png(np.concatenate(strip))


def _seed(code: str) -> int:
    return int.from_bytes(blake2b(code.encode(), digest_size=8).digest())


def _png(pixels: store.Images) -> HttpResponse:
    return HttpResponse(
        stimulus.encode(pixels),
        content_type=stimulus.MEDIA_TYPE,
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
    context: dict[str, Any] = {"study": observer.study, "observer": observer}
    if not observer.qualified:
        return render(request, "studies/not_qualified.html", context)
    result = services.own_result(observer)
    context |= {
        "result": result,
        "plot": result_plot(result) if result.total else None,
        "back": way_back(observer),
        "due": services.due(observer),
        "currency": observer.study.rules.payment.currency,
    }
    return render(request, "studies/own_result.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
def withdraw(request: HttpRequest) -> HttpResponse:
    """Delete an observer's data by their code; the codes that this browser has are shown to it."""
    form = WithdrawForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        tries = f"wrong-codes-{request.META.get('REMOTE_ADDR')}"
        cache.add(tries, 0, FORGET_WRONG_CODES_S)
        if cache.get(tries, 0) >= MOST_WRONG_CODES:
            return render(request, "studies/withdraw.html", {"is_throttled": True}, status=429)
        try:
            study = services.withdraw(form.cleaned_data["code"])
        except services.Refused:
            cache.incr(tries)
            context = {"form": form, "is_unknown": True, "known": _codes(request)}
            return render(request, "studies/withdraw.html", context, status=404)
        response = render(request, "studies/withdraw.html", {"withdrawn_from": study})
        if _observer(request, study.code) is None:
            response.delete_cookie(_cookie(study.code), samesite="Lax")
        return response
    return render(request, "studies/withdraw.html", {"form": form, "known": _codes(request)})


def _codes(request: HttpRequest) -> list[Observer]:
    """The observers that this browser has been."""
    tokens = [value for name, value in request.COOKIES.items() if name.startswith(_cookie(""))]
    return list(Observer.objects.filter(token__in=tokens).order_by("pk"))
