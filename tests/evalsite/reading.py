"""Reading the leaderboard as its visitors do."""

import re

from django.urls import reverse


def fooled_by(*slugs):
    """Right but for the images of these generators."""
    return lambda trial: not (trial.pool.generator and trial.pool.generator.slug in slugs)


def board_page(client, **query):
    return client.get(reverse("leaderboard"), query).content.decode()


def rows_of(page):
    """The cells of every generator's row, as text."""
    found = re.findall(r'<tr data-generator="([^"]+)">(.*?)</tr>', page, re.DOTALL)
    return {
        slug: [
            re.sub(r"<[^>]+>", " ", cell).split()
            for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)
        ]
        for slug, row in found
    }


def export(client, study, *, simulated=False):
    client.force_login(study.owner)
    address = reverse("trials_csv", args=[study.code]) + ("?simulated" if simulated else "")
    return client.get(address)
