"""`python -m generators attack|transfer`: images that fool a classifier, and whom else they fool."""

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tqdm import tqdm

from classifiers.build import held_out
from classifiers.catalog import WANTED, open_classifier
from classifiers.errors import ClassifierError
from classifiers.measuring import labels_for
from classifiers.victim import Victim
from generators.adversarial.attack_folder import AttackFolder
from generators.adversarial.campaign import Campaign
from generators.adversarial.errors import AttackError
from generators.adversarial.film import film
from generators.adversarial.forged import Labels
from generators.adversarial.plan import ATTACKS, NORMS, Plan, attack_called, class_number
from generators.adversarial.results import matrix, matrix_table, table
from generators.adversarial.transfer import transfer
from generators.data import Images, data_hash
from generators.sampling import load_generator
from pools.entries import ImageSet
from terminal.writing import named_path

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

FILM = "forging.webp"


def add_parsers(commands: "Subparsers") -> None:
    """The commands of this module."""
    _add_attack(commands.add_parser("attack", help="make images that fool a classifier"))
    _add_transfer(
        commands.add_parser("transfer", help="try images made on each classifier on all of them")
    )


def _add_attack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--classifier", required=True, metavar="CLASSIFIER", help=WANTED)
    parser.add_argument("--attack", required=True, metavar="NAME", help=", ".join(ATTACKS))
    parser.add_argument("--data", metavar="SOURCE", help="labelled images to change")
    parser.add_argument(
        "--generator",
        type=named_path,
        metavar="FILE.safetensors",
        help="whose codes latent searches",
    )
    parser.add_argument(
        "--out", type=named_path, required=True, metavar="FOLDER", help="of the images and figures"
    )
    parser.add_argument("--target", metavar="CLASS", help="the class they are to be taken for")
    parser.add_argument("--closeness", type=float, metavar="λ", help="of forge-from-image")
    parser.add_argument(
        "--flipped", action="store_true", help="also the same changes mirrored, as a control"
    )
    parser.add_argument("--clean", action="store_true", help="also the images left as they are")
    _add_plan(parser)
    parser.set_defaults(run=_attack)


def _add_transfer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--classifiers",
        nargs="+",
        required=True,
        metavar="CLASSIFIER",
        help="at least two; each is attacked, and all are shown what deceived it",
    )
    parser.add_argument("--attack", default="pgd", metavar="NAME", help="default: %(default)s")
    parser.add_argument("--data", required=True, metavar="SOURCE", help="labelled images")
    _add_plan(parser)
    parser.set_defaults(run=_transfer)


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--epsilon", type=float, nargs="+", default=[], metavar="ε",
        help="the largest change, of pixels in [0, 1]",
    )  # fmt: skip
    parser.add_argument("--norm", help=f"how it is measured: {' or '.join(NORMS)}")
    parser.add_argument("--steps", type=int, metavar="K", help="of square: queries")
    parser.add_argument(
        "--images",
        type=int,
        default=Plan.images,
        metavar="N",
        help="how many are changed (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=Plan.seed,
        metavar="S",
        help="of the choice of images and of chance in the attack (default: %(default)s)",
    )
    parser.add_argument(
        "--resize", action="store_true", help="bring the images to the classifier's size"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


@dataclass(frozen=True)
class _Chosen:
    """Images (n, H, W, C) drawn from a source, the labels that it has, and the names of its classes."""

    images: Images
    labels: Labels | None
    class_names: tuple[str, ...] | None

    @classmethod
    def of(cls, whole: ImageSet, plan: Plan) -> "_Chosen":
        """As many as the plan asks for, by its seed."""
        if len(whole.images) < plan.images:
            raise AttackError(f"{plan.images:,} images are asked for, got {len(whole.images):,}")
        rows = np.random.default_rng(plan.seed).permutation(len(whole.images))[: plan.images]
        labels = None if whole.labels is None else whole.labels[rows]
        return cls(whole.images[rows], labels, whole.class_names)

    def truth(self, victim: Victim, target: int | None) -> Labels | None:
        """The labels as the victim numbers its classes; with a target they may mean nothing to it."""
        try:
            return labels_for(victim, self.labels, self.class_names)
        except ClassifierError:
            if target is None:
                raise
            return None


def _attack(options: argparse.Namespace) -> None:
    about = attack_called(options.attack)
    victim = open_classifier(options.classifier)
    plan = _plan(options, victim)
    _require_inputs(options, about.starts_from)
    chosen = _chosen(options, victim, plan) if options.data else None
    campaign = _campaign(options, victim, plan, chosen)
    known = {
        "plan": plan.as_dict(),
        "classifier": {"name": victim.name, "sha256": _checksum(options.classifier)},
        "generator": options.generator and _checksum(options.generator),
        "originals": data_hash(campaign.originals, chosen.labels if chosen else None),
    }
    labels = chosen.labels if chosen else campaign.truth
    with _bar(len(plan.rungs()) * len(campaign)) as show:
        results = AttackFolder(options.out).run(campaign, known, labels, show)
    if about.targeted_only:
        (options.out / FILM).write_bytes(film(campaign))
    print(json.dumps(results, indent=2) if options.json else table(results["rungs"]))


def _transfer(options: argparse.Namespace) -> None:
    if len(options.epsilon) > 1:
        raise AttackError(f"transfer is for one ε, got {len(options.epsilon)}")
    plan = Plan(**_asked(options))
    victims = [open_classifier(spec) for spec in options.classifiers]
    chosen = _chosen(options, victims[0], plan)
    truths = [labels_for(victim, chosen.labels, chosen.class_names) for victim in victims]
    with _bar(len(victims) * len(chosen.images)) as show:
        found = transfer(victims, chosen.images, truths, plan, progress=lambda done, _: show(done))
    print(
        json.dumps({"plan": plan.as_dict()} | matrix(found), indent=2)
        if options.json
        else matrix_table(found)
    )


def _asked(options: argparse.Namespace) -> dict[str, Any]:
    """What both commands ask of a plan."""
    return {
        "attack": options.attack,
        "norm": options.norm,
        "epsilons": tuple(options.epsilon),
        "steps": options.steps,
        "images": options.images,
        "seed": options.seed,
    }


def _plan(options: argparse.Namespace, victim: Victim) -> Plan:
    target = None if options.target is None else class_number(options.target, victim.class_names)
    return Plan(
        **_asked(options), target=target, closeness=options.closeness,
        flipped=options.flipped, clean=options.clean,
    )  # fmt: skip


def _require_inputs(options: argparse.Namespace, starts_from: str) -> None:
    """The attack decides on what it starts from: images, noise or codes."""
    needed = {"images": "data", "codes": "generator"}.get(starts_from)
    for name in ("data", "generator"):
        if (getattr(options, name) is not None) != (name == needed):
            word = "needs" if name == needed else "takes no"
            raise AttackError(f"{options.attack} {word} --{name}")


def _chosen(options: argparse.Namespace, victim: Victim, plan: Plan) -> _Chosen:
    read = partial(held_out, options.data)
    if options.resize:
        read = partial(read, resolution_px=victim.resolution_px, channels=victim.channels)
    return _Chosen.of(read(), plan)


def _campaign(
    options: argparse.Namespace, victim: Victim, plan: Plan, chosen: _Chosen | None
) -> Campaign:
    if chosen:
        return Campaign(victim, chosen.images, chosen.truth(victim, plan.target), plan)
    if options.generator:
        generator = load_generator(options.generator, device=torch.device("cpu"))
        return Campaign(victim, None, None, plan, generator)
    return Campaign(victim, None, None, plan)


def _checksum(spec: str | Path) -> str | None:
    """Of a file; the embedded network is always the same."""
    path = Path(spec)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    with tqdm(total=total, unit="image", file=sys.stderr) as bar:

        def show(images: int) -> None:
            bar.update(images - bar.n)

        yield show
