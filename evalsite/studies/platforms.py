"""Where observers come from, Prolific, Mechanical Turk or the bare link, and the way back there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from evalsite.studies.models import Observer

NAME = re.compile(r"[!-z|~]{1,80}")  # with braces it is a placeholder that nobody has filled in
TURK_HOSTS = ("https://www.mturk.com", "https://workersandbox.mturk.com")
TURK_FRAMES = ("https://worker.mturk.com", "https://workersandbox.mturk.com")
PREVIEW = "ASSIGNMENT_ID_NOT_AVAILABLE"


@dataclass(frozen=True)
class Arrival:
    """What the address by which somebody came says of them; all empty for the bare link."""

    source: str = Observer.Source.LINK
    participant: str = ""
    platform_study: str = ""
    platform_session: str = ""
    submit_to: str = ""
    is_preview: bool = False


def arrival_of(query: Mapping[str, str]) -> Arrival:
    """Read a query string; ids that are too long or cannot be printed are not taken."""
    if participant := _name(query, "PROLIFIC_PID"):
        return Arrival(
            source=Observer.Source.PROLIFIC,
            participant=participant,
            platform_study=_name(query, "STUDY_ID"),
            platform_session=_name(query, "SESSION_ID"),
        )
    assignment = _name(query, "assignmentId")
    if assignment == PREVIEW:
        return Arrival(source=Observer.Source.MTURK, is_preview=True)
    if participant := _name(query, "workerId"):
        return Arrival(
            source=Observer.Source.MTURK,
            participant=participant,
            platform_study=_name(query, "hitId"),
            platform_session=assignment,
            submit_to=_turk_host(query.get("turkSubmitTo", "")),
        )
    return Arrival()


def _name(query: Mapping[str, str], key: str) -> str:
    given = query.get(key, "")
    return given if NAME.fullmatch(given) else ""


def _turk_host(address: str) -> str:
    """The address of Mechanical Turk's own host, or nothing for any other."""
    return address.rstrip("/") if address.rstrip("/") in TURK_HOSTS else ""


@dataclass(frozen=True)
class WayBack:
    """How an observer who has finished tells their platform.

    Attributes:
        code: what the platform asks for.
        link: where the code is taken along; empty without an address.
        submit_to: where `assignment` is posted, of Mechanical Turk; empty elsewhere.
    """

    code: str
    link: str
    submit_to: str
    assignment: str


def way_back(observer: Observer) -> WayBack:
    """For who has finished and qualified."""
    study = observer.study
    code = study.completion_code or observer.code
    turk = observer.submit_to and observer.platform_session
    return WayBack(
        code=code,
        link=_with_code(study.return_url, code) if study.return_url else "",
        submit_to=f"{observer.submit_to}/mturk/externalSubmit" if turk else "",
        assignment=observer.platform_session,
    )


def _with_code(address: str, code: str) -> str:
    """The address with `cc`, as Prolific calls it, unless it has one."""
    parts = urlsplit(address)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return urlunsplit(parts._replace(query=urlencode({"cc": code, **query})))
