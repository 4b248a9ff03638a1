"""Trials of somebody else's study, as rows and as the text of a file."""

import csv
import io

from django.core.management import call_command

from evalsite.studies import transfer
from evalsite.studies.models import Protocol
from evalsite.studies.table import trial_table


def rows(observers=("ann", "bob", "cyd"), generators=("Ada", "Bob"), images=4, **fields):
    """Trials of `images` real images and as many of each generator; some are answered wrong."""
    shown = [("real", "", f"r{n}") for n in range(images)]
    shown += [("fake", name, f"{name}/{n}") for name in generators for n in range(images)]
    return [
        {
            "observer": observer,
            "stimulus": stimulus,
            "generator": generator,
            "truth": truth,
            "response": truth if (who + at) % 3 else {"real": "fake", "fake": "real"}[truth],
            "rt_ms": 400 + 10 * at + who,
            **fields,
        }
        for who, observer in enumerate(observers)
        for at, (truth, generator, stimulus) in enumerate(shown)
    ]


def pairs(observers=("ann", "bob", "cyd"), count=6, **fields):
    """A fake beside a real image, `count` times for each observer; every third is a tie."""
    return [
        {
            "observer": observer,
            "screen": f"{observer}-{number}",
            "stimulus": f"{truth}{number}",
            "generator": "Ada" if truth == "fake" else "",
            "truth": truth,
            "response": ""
            if tie
            else truth
            if number % 2
            else {"real": "fake", "fake": "real"}[truth],
            "flags": "tie" if tie else "",
            **fields,
        }
        for who, observer in enumerate(observers)
        for number in range(count)
        for truth in ("real", "fake")
        for tie in [(who + number) % 3 == 0]
    ]


def as_csv(trials):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, trials[0])
    writer.writeheader()
    writer.writerows(trials)
    return text.getvalue()


def written(folder, trials, name="trials.csv"):
    """The path of a CSV of rows, or of a text as it is."""
    path = folder / name
    path.write_text(trials if isinstance(trials, str) else as_csv(trials), encoding="utf-8")
    return path


def taken(path, of, protocol=Protocol.UNLIMITED, **options):
    return transfer.import_trials(path, owner=None, dataset=of, protocol=protocol, **options)


def run(path, of, **options):
    out = io.StringIO()
    call_command("import_trials", str(path), dataset=of.slug, stdout=out, **options)
    return out.getvalue()


def own(study):
    return trial_table([study], simulated=False)


def kept_files(settings):
    return list((settings.DATA_DIR / "trials").glob("*"))
