"""Where researchers hand trials in, from a file of their own, and take them out as files."""

import tempfile
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe
from pyarrow import ArrowInvalid, parquet

from evalsite.catalog.models import Dataset
from evalsite.studies import services, transfer
from evalsite.studies.models import Protocol, Study
from evalsite.studies.table import trial_table
from evalsite.studies.views import own_study
from scoring.dictionary import DATA_DICTIONARY, dictionary_csv
from scoring.files import write_trials
from scoring.rules import BadTable

MOST_MB, MOST_ROWS = 20, 1_000_000
"""A larger file takes longer to check than a browser should wait."""
BY_COMMAND = "Whoever runs this site can import it with: manage.py import_trials"


class ImportForm(forms.Form):
    file = forms.FileField(label="File", help_text="CSV or Parquet, one row a trial.")
    dataset = forms.ModelChoiceField(
        Dataset.objects.all(),
        label="Real images",
        empty_label=None,
        help_text="The data set they are from.",
    )
    protocol = forms.ChoiceField(choices=Protocol.choices, help_text="How the images were shown.")
    condition = forms.CharField(
        max_length=transfer.LONGEST_CONDITION,
        required=False,
        help_text="What else must be equal to share a leaderboard, such as 1 s. Empty: as the trials say.",
    )
    name = forms.CharField(
        max_length=transfer.LONGEST_NAME, required=False, help_text="Empty: the file’s name."
    )

    def clean_file(self) -> TemporaryUploadedFile:
        file: TemporaryUploadedFile = self.cleaned_data["file"]
        size_mb, most_mb = (file.size or 0) / 2**20, min(MOST_MB, settings.UPLOAD_MAX_MB)
        if size_mb > most_mb:
            raise forms.ValidationError(
                f"The file has {size_mb:,.0f} MB; this page takes up to {most_mb:,} MB. {BY_COMMAND}"
            )
        rows = _declared_rows(Path(file.temporary_file_path()))
        if rows > MOST_ROWS:
            raise forms.ValidationError(
                f"The file has {rows:,} rows; this page takes up to {MOST_ROWS:,}. {BY_COMMAND}"
            )
        return file


def _declared_rows(path: Path) -> int:
    """Of a Parquet file, a few bytes of which can stand for millions of rows; of others 0."""
    try:
        return int(parquet.read_metadata(path).num_rows)
    except ArrowInvalid:
        return 0


@login_required
def import_trials(request: HttpRequest) -> HttpResponse:
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        asked: dict[str, Any] = form.cleaned_data
        file = asked.pop("file")
        try:
            study = transfer.import_trials(
                Path(file.temporary_file_path()),
                source=file.name or "",
                owner=request.user,  # type: ignore[arg-type]  # login_required
                **asked,
            )
        except (BadTable, services.Refused) as error:
            form.add_error(None, ["Nothing was imported.", *transfer.reasons_of(error)])
        else:
            messages.success(request, _summary(study))
            return redirect(study)
    needed = [column for column in DATA_DICTIONARY if column.needed]
    others = [column for column in DATA_DICTIONARY if not column.needed]
    context = {"form": form, "needed": needed, "others": others}
    return render(request, "studies/import.html", context)


def _summary(study: Study) -> str:
    unread = ", ".join(study.design["columns_not_read"])
    said = f"Imported {study.design['trials']:,} trials."
    return f"{said} Columns that were not read: {unread}." if unread else said


@login_required
@require_POST
def remove_import(request: HttpRequest, code: str) -> HttpResponse:
    study = own_study(request, code)
    try:
        transfer.remove_import(study)
    except services.Refused as error:
        messages.error(request, f"Nothing was removed: {error}.")
    else:
        messages.success(request, "Removed. Its trials count no more, and their file is deleted.")
    return redirect(study)


@login_required
@require_safe
def trials_csv(request: HttpRequest, code: str) -> HttpResponseBase:
    """Every answer that counts, as `python -m scoring` reads it."""
    study, simulated = own_study(request, code), "simulated" in request.GET
    chunks = transfer.csv_chunks(trial_table([study], simulated=simulated))
    name = transfer.file_name(study, "csv", simulated=simulated)
    return StreamingHttpResponse(
        chunks,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@login_required
@require_safe
def trials_parquet(request: HttpRequest, code: str) -> HttpResponseBase:
    """The same as Parquet."""
    study, simulated = own_study(request, code), "simulated" in request.GET
    file = tempfile.TemporaryFile()  # noqa: SIM115  # the response closes it
    write_trials(trial_table([study], simulated=simulated), file, "parquet")
    file.seek(0)
    name = transfer.file_name(study, "parquet", simulated=simulated)
    return FileResponse(
        file, as_attachment=True, filename=name, content_type="application/vnd.apache.parquet"
    )


@require_safe
def data_dictionary(request: HttpRequest, code: str) -> HttpResponse:
    """What every column of the export means."""
    get_object_or_404(Study, code=code)
    return HttpResponse(
        dictionary_csv(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="dictionary.csv"'},
    )
