import pytest
import torch

from generators.adversarial.errors import AttackError
from generators.adversarial.forging import forge
from generators.adversarial.goal import Goal
from generators.adversarial.gradient import pgd
from generators.adversarial.latent import search
from generators.adversarial.linear import EPSILON, EXAMPLE, WEIGHTS, push, push_by_sign
from generators.adversarial.substitute import train_substitute


def test_noise_becomes_whatever_the_classifier_is_to_see(network):
    noise = torch.rand((3, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    target = torch.tensor([0, 1, 2])
    moments = list(forge(network, noise, target, steps=100, rate=0.05, moments=5))
    assert [moment.step for moment in moments] == [0, 25, 50, 75, 100]
    assert torch.equal(moments[0].images, noise)
    assert moments[-1].probability.min() > 0.95
    assert torch.equal(network(moments[-1].images).argmax(1), target)


def test_the_closeness_term_keeps_the_image(network, stripes):
    images, labels = stripes[0][:6], stripes[1][:6]
    target = (labels + 1) % 3

    def last(closeness):
        *_, moment = forge(network, images, target, steps=80, rate=0.02, closeness=closeness)
        return moment

    free, close = last(0.0), last(1.0)
    assert (close.images - images).norm() < 0.7 * (free.images - images).norm()
    assert torch.equal(network(close.images).argmax(1), target)


def test_a_target_that_is_no_class_is_refused(network):
    with pytest.raises(AttackError, match="class 7 is none of the classifier's 3"):
        next(forge(network, torch.rand(1, 1, 8, 8), torch.tensor([7])))


def test_a_search_in_codes_finds_pictures_that_fool(network):
    """Codes are the heights of the three stripes: the generator of this test."""

    def draw(codes):
        images = torch.full((len(codes), 1, 8, 8), 0.4)
        stripes = torch.cat([codes, torch.zeros(len(codes), 1)], 1).repeat_interleave(2, dim=1)
        return (images + 0.1 * stripes.view(-1, 1, 8, 1)).clamp(0, 1)

    codes = 2.5 * torch.eye(3)
    labels = torch.arange(3)
    assert torch.equal(network(draw(codes)).argmax(1), labels)
    found = search(network, draw, codes, Goal(labels), steps=100, rate=0.1)
    assert found.fooled.all()
    assert torch.equal(found.images, draw(found.codes))
    assert (found.codes - codes).norm(dim=1).max() < 4


def test_codes_without_classes_are_refused(network):
    with pytest.raises(AttackError, match=r"codes must be \(N, z\) with a class each"):
        search(network, lambda z: z, torch.rand(2, 3), Goal(torch.tensor([1])))


def test_a_substitute_learns_the_victim_s_answers_and_its_attacks_transfer(network, stripes):
    images, labels = stripes
    with torch.random.fork_rng():
        torch.manual_seed(3)
        substitute = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    random = torch.Generator().manual_seed(0)
    queries = train_substitute(network, substitute, images[:24], rounds=3, random=random)
    assert queries == 24 * 4
    assert (substitute(images).argmax(1) == labels).float().mean() > 0.9
    made = pgd(substitute, images, Goal(labels), epsilon=0.2, steps=10).images
    assert (network(made).argmax(1) != labels).float().mean() > 0.5


def test_the_lecture_s_example_step_by_step():
    pushed = push(WEIGHTS, EXAMPLE, EPSILON)
    assert (pushed.before, pushed.after) == pytest.approx((-4, 1.6))
    assert pushed.example == pytest.approx((1.2, -0.4, 1.8, 0.4, 3.4, -1.4))
    assert pushed.probabilities == pytest.approx((0.0179862, 0.8320184))


def test_no_value_moves_further_than_epsilon_by_sign():
    pushed = push_by_sign(WEIGHTS, EXAMPLE, EPSILON)
    assert [abs(a - b) for a, b in zip(pushed.example, EXAMPLE, strict=True)] == pytest.approx(
        [EPSILON] * 6
    )
    assert pushed.after == pytest.approx(-1.6)


def test_a_linear_example_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"as many values each, got \(6,\) and \(2,\)"):
        push(WEIGHTS, [1, 2], EPSILON)
