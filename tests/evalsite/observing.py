"""An observer's browser: consent, blocks, answers."""

import json

from django.test import Client
from django.urls import reverse

from evalsite.studies.models import Observer, Trial
from tests import factories


class Browser:
    """An observer's browser in one study."""

    def __init__(self, study, client=None):
        self.client = client or Client()
        self.study = study

    def get(self, page, **options):
        return self.client.get(reverse(page, args=[self.study.code]), **options)

    def consent(self):
        response = self.client.post(self.study.public_path)
        assert response.status_code == 302
        return self

    def post(self, body):
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        address = reverse("responses", args=[self.study.code])
        return self.client.post(address, text, content_type="application/json")

    def send(self, *answers):
        return self.post({"answers": answers})

    def block(self):
        return self.get("block").json()

    @property
    def observer(self):
        token = self.client.cookies[f"observer-{self.study.code}"].value
        return Observer.objects.get(token=token)

    def finish(self, *, right=True):
        while not (block := self.block())["finished"]:
            for screen in block["screens"]:
                trials = Trial.objects.filter(code__in=screen["images"]).order_by("position")
                self.send(factories.answer(*trials, right=right))
