import pytest
import torch

from generators.adversarial.black_box import (
    descend_estimated,
    finite_differences,
    natural_evolution,
)
from generators.adversarial.carlini_wagner import carlini_wagner
from generators.adversarial.errors import AttackError
from generators.adversarial.goal import Goal, input_gradient
from generators.adversarial.gradient import fgsm, pgd
from generators.adversarial.norms import Ball, norm_called
from generators.adversarial.square import square

GREY = torch.full((2, 1, 4, 4), 0.5)
CLASSES = torch.tensor([0, 1])


def size(delta, norm):
    return norm_called(norm).size(delta)


def test_one_step_moves_a_linear_score_by_epsilon_times_the_sum_of_its_weights(linear):
    made = fgsm(linear, GREY, Goal(torch.tensor([1, 1])), epsilon=0.1).images
    assert linear(made)[:, 1].tolist() == pytest.approx([-0.1 * 16] * 2)
    assert size(made - GREY, "linf").tolist() == pytest.approx([0.1] * 2)


def test_scores_without_a_gradient_are_refused():
    with pytest.raises(AttackError, match="no gradient: choose an attack by queries"):
        fgsm(lambda x: (x.flatten(1)[:, :2] > 0.5).float(), GREY, Goal(CLASSES), epsilon=0.1)


def test_one_step_in_l2_moves_it_by_epsilon_times_the_norm_of_its_weights(linear):
    made = fgsm(linear, GREY, Goal(torch.tensor([1, 1])), epsilon=0.4, norm="l2").images
    assert linear(made)[:, 1].tolist() == pytest.approx([-0.4 * 4.0] * 2)


def test_a_targeted_step_goes_the_other_way(linear):
    towards = fgsm(linear, GREY, Goal(torch.tensor([1, 1]), targeted=True), epsilon=0.1)
    away = fgsm(linear, GREY, Goal(torch.tensor([0, 0])), epsilon=0.1)
    assert torch.equal(towards.images, away.images)
    assert towards.fooled.all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("start", [None, 0])
def test_no_attack_leaves_its_ball_or_the_range_of_pixels(network, stripes, norm, start):
    images, labels = stripes
    random = None if start is None else torch.Generator().manual_seed(start)
    epsilon = {"linf": 0.3, "l2": 1.5}[norm]
    made = pgd(
        network, images, Goal(labels), epsilon=epsilon, steps=7, step=0.2, norm=norm, random=random
    ).images
    assert size(made - images, norm).max() <= epsilon + 1e-5
    assert 0 <= made.min() <= made.max() <= 1


def test_many_steps_fool_where_one_does_not(network, stripes):
    images, labels = stripes
    one = fgsm(network, images, Goal(labels), epsilon=0.15)
    many = pgd(network, images, Goal(labels), epsilon=0.15, steps=20)
    assert many.success_rate >= one.success_rate
    assert many.success_rate > 0.9
    assert many.queries.tolist() == [21] * 60


def test_a_targeted_attack_reaches_its_target(network, stripes):
    images, labels = stripes
    target = (labels + 1) % 3
    made = pgd(network, images, Goal(target, targeted=True), epsilon=0.3, steps=20)
    assert torch.equal(network(made.images).argmax(1)[made.fooled], target[made.fooled])
    assert made.success_rate > 0.9


def test_carlini_and_wagner_find_the_nearest_image_on_the_other_side(linear):
    """The nearest point on the far side of a plane is at |w·x + b| / ‖w‖."""
    classes = torch.tensor([1, 1])
    images = GREY + 0.05 * linear.weight  # score 0.8, so 0.2 away
    made = carlini_wagner(linear, images, Goal(classes), searches=8, steps=200, rate=0.005)
    assert made.fooled.all()
    assert size(made.images - images, "l2").tolist() == pytest.approx([0.2] * 2, rel=0.05)


def test_carlini_and_wagner_fool_with_less_than_pgd_is_given(network, stripes):
    images, labels = stripes[0][:12], stripes[1][:12]
    made = carlini_wagner(network, images, Goal(labels), searches=4, steps=60, rate=0.02)
    assert made.fooled.all()
    assert size(made.images - images, "l2").mean() < 1.0


def test_an_image_that_was_never_fooled_comes_back_as_it_was(linear):
    images = torch.clamp(GREY + linear.weight, 0, 1)
    made = carlini_wagner(linear, images, Goal(torch.tensor([1, 1])), searches=1, steps=2)
    assert not made.fooled.any()
    assert torch.equal(made.images, images)


def test_finite_differences_of_a_linear_cost_are_its_gradient(linear, counting):
    goal, asked = Goal(CLASSES), counting(linear)
    expected = input_gradient(linear, GREY, goal.cost)
    found, queries = finite_differences(asked, GREY, goal)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
    assert queries == 2 * 16
    assert asked.asked == 2 * queries


def test_natural_evolution_points_along_the_gradient(linear):
    goal = Goal(CLASSES)
    random = torch.Generator().manual_seed(0)
    found, queries = natural_evolution(linear, GREY, goal, random=random, samples=200)
    expected = input_gradient(linear, GREY, goal.cost)
    cosine = torch.cosine_similarity(found.flatten(1), expected.flatten(1))
    assert cosine.min() > 0.9
    assert queries == 400


def test_an_estimated_gradient_fools_and_counts_every_question(network, stripes, counting):
    images, labels = stripes[0][:6], stripes[1][:6]
    asked = counting(network)
    made = descend_estimated(asked, images, Goal(labels), finite_differences, epsilon=0.2, steps=10)
    assert made.success_rate == 1
    assert asked.asked == made.queries.sum() + 1  # the first look at the shape of the answer
    assert size(made.images - images, "linf").max() <= 0.2 + 1e-6


def test_random_squares_fool_and_stop_asking_when_they_do(network, stripes, counting):
    images, labels = stripes
    asked = counting(network)
    random = torch.Generator().manual_seed(0)
    made = square(asked, images, Goal(labels), epsilon=0.25, queries=300, random=random)
    assert made.success_rate > 0.9
    assert made.queries.max() <= 300
    assert made.queries.float().mean() < 200
    assert size(made.images - images, "linf").max() <= 0.25 + 1e-6
    assert asked.asked == made.queries.sum() + 1


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_random_starts_fill_the_ball(norm):
    images = torch.full((500, 1, 2, 2), 0.5)
    random = torch.Generator().manual_seed(0)
    sizes = size(Ball(images, 0.4, norm_called(norm)).random(random) - images, norm) / 0.4
    assert sizes.max() <= 1 + 1e-6
    assert (sizes < 0.5 ** (1 / 4)).float().mean() == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"epsilon": 0.0},
            r"ε must be above 0 and at most 1 \(linf on pixels in \[0, 1\]\), got 0",
        ),
        ({"epsilon": 1.5}, "at most 1 .* got 1.5"),
        ({"epsilon": 4.1, "norm": "l2"}, "at most 4 .*l2.* got 4.1"),
        ({"norm": "l1"}, "norm must be one of linf, l2, got 'l1'"),
        ({"images": GREY * 3}, r"images must be in \[0, 1\], got 1.5 to 1.5"),
        ({"images": GREY[:0]}, "at least 1 image, got 0"),
        ({"images": GREY[0]}, r"float \(N, C, H, W\), got torch.float32 \(1, 4, 4\)"),
        (
            {"goal": Goal(torch.tensor([1]))},
            r"classes must be \(2,\), one for each image, got \(1,\)",
        ),
        (
            {"goal": Goal(torch.tensor([0, 2]))},
            "class 2 is none of the classifier's 2: choose 0 to 1",
        ),
        ({"goal": Goal(torch.tensor([0, -1]))}, "class -1 is none"),
        (
            {"classifier": lambda images: images.flatten(1).sum(1)},
            r"at least 2 class scores for each image, \(N, K\), got \(1,\)",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(linear, change, message):
    asked = {"classifier": linear, "images": GREY, "goal": Goal(CLASSES), "epsilon": 0.1} | change
    with pytest.raises(AttackError, match=message):
        fgsm(**asked)
