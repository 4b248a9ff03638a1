import json
import subprocess
import sys

import pytest

from generators.adversarial.errors import AttackError
from generators.adversarial.plan import ATTACKS, Plan, Rung, class_number

ALL = {
    name: Plan(
        name,
        epsilons=(0.1,) if about.bounded else (),
        target=1 if about.targeted_only else None,
    )
    for name, about in ATTACKS.items()
}


def test_a_form_can_know_the_attacks_without_torch():
    code = "import sys, generators.adversarial.plan; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", ATTACKS)
def test_what_is_left_out_is_what_is_usual(name):
    plan, about = ALL[name], ATTACKS[name]
    assert plan.steps == about.steps
    assert plan.norm == (about.norms[0] if about.norms else None)
    assert (plan.closeness is not None) == about.weighted


@pytest.mark.parametrize("name", ATTACKS)
def test_a_plan_survives_json(name):
    assert Plan.from_dict(json.loads(json.dumps(ALL[name].as_dict()))) == ALL[name]


def test_rungs_are_forged_first_then_their_controls_then_what_is_clean():
    rungs = Plan("nes", epsilons=(0.1, 0.2), flipped=True, clean=True).rungs()
    assert rungs == (
        Rung("forged", 0.1),
        Rung("forged", 0.2),
        Rung("flipped", 0.1),
        Rung("flipped", 0.2),
        Rung("clean", 0.0),
    )


def test_an_attack_without_an_epsilon_has_one_rung():
    plan = Plan("carlini-wagner", flipped=True)
    assert plan.rungs() == (Rung("forged", None), Rung("flipped", None))


def test_a_class_is_found_by_name_whatever_its_case_and_else_by_number():
    names = ("1", "Green iguana", "cat")
    assert [class_number(each, names) for each in ("green IGUANA", "1", "2", 0)] == [1, 0, 2, 0]


@pytest.mark.parametrize("target", ["dog", "3", "-1", ""])
def test_a_target_that_is_no_class_is_refused_with_the_classes_there_are(target):
    with pytest.raises(AttackError, match=r"3 classes \(1, iguana, cat\) or its number, 0 to 2"):
        class_number(target, ("1", "iguana", "cat"))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"attack": "fsgm"}, "attack must be one of fgsm, iterative-fgsm, .* got 'fsgm'"),
        ({"norm": "l1"}, "norm of pgd must be one of linf, l2, got 'l1'"),
        ({"attack": "square", "norm": "l2"}, "norm of square must be one of linf, got 'l2'"),
        (
            {"attack": "latent", "norm": "l2", "epsilons": ()},
            "norm of latent must be left out, got 'l2'",
        ),
        ({"epsilons": ()}, "pgd needs 1 to 20 different ε, got none"),
        ({"epsilons": (0.1, 0.1)}, r"different ε, got \[0.1, 0.1\]"),
        ({"epsilons": (0.0,)}, r"ε must be above 0 and at most 1 \(l∞ .*, got 0"),
        ({"epsilons": (0.1, 1.5)}, "at most 1 .* got 1.5"),
        ({"epsilons": (float("nan"),)}, "got nan"),
        ({"epsilons": (-2.0,), "norm": "l2"}, r"ε must be above 0 \(l2 .*, got -2"),
        ({"attack": "carlini-wagner"}, "carlini-wagner has no ε, got 0.1"),
        ({"attack": "forge-from-noise", "epsilons": ()}, "needs a target"),
        ({"target": -1}, "target must be at least 0, got -1"),
        ({"images": 0}, "images must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"steps": 0}, "steps must be at least 1 and at most 100,000, got 0"),
        ({"closeness": 0.1}, "pgd has no closeness λ, got 0.1"),
        (
            {"attack": "forge-from-image", "epsilons": (), "target": 0, "closeness": -1.0},
            "closeness λ must be at least 0, got -1",
        ),
        (
            {"attack": "forge-from-noise", "epsilons": (), "target": 0, "flipped": True},
            "forge-from-noise changes no image, so there is no perturbation to flip",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(asked, message):
    with pytest.raises(AttackError, match=message):
        Plan(**({"attack": "pgd", "epsilons": (0.1,)} | asked))


@pytest.mark.parametrize("found", [{}, {"attack": "pgd", "epsilons": [0.1], "speed": 1}])
def test_what_is_no_plan_is_refused(found):
    with pytest.raises(AttackError, match="is no plan of an attack"):
        Plan.from_dict(found)
