"""The same model, images and ε as Foolbox: the same share of images fooled, within two points."""

import foolbox
import pytest

from generators.adversarial.goal import Goal
from generators.adversarial.gradient import fgsm, pgd

EPSILONS = (0.02, 0.05, 0.08, 0.12)


def success(attack, network, images, labels, epsilon):
    model = foolbox.PyTorchModel(network, bounds=(0, 1))
    return float(attack(model, images, labels, epsilons=epsilon)[2].float().mean())


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_fgsm(network, many_stripes, epsilon):
    images, labels = many_stripes
    theirs = success(foolbox.attacks.LinfFastGradientAttack(), network, images, labels, epsilon)
    ours = fgsm(network, images, Goal(labels), epsilon=epsilon).success_rate
    assert ours == pytest.approx(theirs, abs=0.02)


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_pgd(network, many_stripes, epsilon):
    images, labels = many_stripes
    attack = foolbox.attacks.LinfPGD(rel_stepsize=0.25, steps=10, random_start=False)
    theirs = success(attack, network, images, labels, epsilon)
    ours = pgd(
        network, images, Goal(labels), epsilon=epsilon, step=0.25 * epsilon, steps=10
    ).success_rate
    assert ours == pytest.approx(theirs, abs=0.02)


@pytest.mark.parametrize("epsilon", [0.3, 0.6, 1.0])
def test_pgd_in_l2(network, many_stripes, epsilon):
    images, labels = many_stripes
    attack = foolbox.attacks.L2PGD(rel_stepsize=0.25, steps=10, random_start=False)
    theirs = success(attack, network, images, labels, epsilon)
    made = pgd(
        network, images, Goal(labels), epsilon=epsilon, step=0.25 * epsilon, steps=10, norm="l2"
    )
    assert made.success_rate == pytest.approx(theirs, abs=0.02)


@pytest.mark.parametrize("epsilon", [0.05, 0.1])
def test_targeted_pgd(network, many_stripes, epsilon):
    images, labels = many_stripes
    target = (labels + 1) % 3
    attack = foolbox.attacks.LinfPGD(rel_stepsize=0.25, steps=10, random_start=False)
    criterion = foolbox.criteria.TargetedMisclassification(target)
    theirs = success(attack, network, images, criterion, epsilon)
    goal = Goal(target, targeted=True)
    ours = pgd(network, images, goal, epsilon=epsilon, step=0.25 * epsilon, steps=10).success_rate
    assert ours == pytest.approx(theirs, abs=0.02)
