"""Which values of a config do not go together, and what to choose instead."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import reduce
from typing import TYPE_CHECKING, Any

from generators.config_reading import ConfigError

if TYPE_CHECKING:
    from generators.config import Config

TASKS_OF = {"pix2pix": ("edges", "enlarge"), "cyclegan": ("classes",), "srgan": ("enlarge",)}
GENERATORS_OF = {
    "gan": ("demo", "lecture", "dcgan", "sngan"),
    "vae": ("demo", "dcgan"),
    "bigan": ("demo", "dcgan"),
    "stackgan": ("stack",),
    "pix2pix": ("unet",),
    "cyclegan": ("residual",),
    "srgan": ("residual",),
}
DISCRIMINATORS_OF = {
    "gan": ("demo", "lecture", "dcgan", "sngan", "autoencoder"),
    "vae": ("demo", "dcgan"),
    "bigan": ("demo", "dcgan"),
    "stackgan": ("dcgan", "sngan"),
    "pix2pix": ("patch",),
    "cyclegan": ("patch",),
    "srgan": ("patch",),
}
SIMPLE_LOSSES = ("minimax", "non-saturating", "least-squares", "wasserstein", "hinge")
LOSSES_OF = {
    "gan": (*SIMPLE_LOSSES, "relativistic", "began"),
    "vae": ("least-squares",),
    "bigan": ("minimax", "non-saturating", "wasserstein", "hinge"),
    "stackgan": (*SIMPLE_LOSSES, "relativistic"),
    "pix2pix": SIMPLE_LOSSES,
    "cyclegan": SIMPLE_LOSSES,
    "srgan": SIMPLE_LOSSES,
}
GANS = ("gan", "bigan", "stackgan")
DCGAN_NORMED_FROM_PX = 16
LOSSES_WITH_LABELS = ("minimax", "non-saturating", "least-squares")
LEAST_SQUARES_AT_FIRST = 0.5
"""½ (0 - 1)²: of real images, and of fakes for their generator; that of fakes for the discriminator is 0."""


def listed(words: Sequence[str]) -> str:
    """
    >>> listed(["clip", "penalty", "spectral"]), listed(["spectral"])
    ('clip, penalty or spectral', 'spectral')
    """
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def check_combination(config: "Config") -> None:
    """Raises ConfigError, naming the keys and the choices, for the first rule that is broken."""
    for rule in RULES:
        rule(config)


def check_used(config: "Config") -> None:
    """Raises ConfigError for a value other than its default that nothing in such a run would read."""
    task, began = config.translation.task, config.loss == "began"
    readers = {
        "stage_two_from": ("model 'stackgan'", config.model == "stackgan"),
        "discriminator.minibatch_kernels": (
            "discriminator.architectures other than 'patch'",
            config.discriminator.architecture != "patch",
        ),
        "tricks.diversity": ("loss 'began'", began),
        "tricks.balance_rate": ("loss 'began'", began),
        "translation.from_class": ("model 'cyclegan'", task == "classes"),
        "translation.to_class": ("model 'cyclegan'", task == "classes"),
        "translation.identity": ("model 'cyclegan'", task == "classes"),
        "translation.buffer": ("model 'cyclegan'", task == "classes"),
        "translation.factor": ("translation.task 'enlarge'", task == "enlarge"),
        "translation.perceptual": ("model 'srgan'", config.model == "srgan"),
        "translation.reconstruction": ("models that translate images", task != "none"),
    }
    for key, (reader, is_read) in readers.items():
        *tables, name = key.split(".")
        part: Any = reduce(getattr, tables, config)
        (default,) = (item.default for item in fields(part) if item.name == name)
        found = getattr(part, name)
        if found != default and not is_read:
            raise ConfigError(
                f"{key} is read by {reader} alone: set it to {default!r}, got {found!r}"
            )
    if config.discriminator.clip and config.discriminator.spectral:
        raise ConfigError(
            f"discriminator.clip {config.discriminator.clip!r} would bound weights that "
            "discriminator.spectral divides afterwards: set the one to 0.0 or the other to false"
        )
    costs = config.translation
    if config.model == "cyclegan" and costs.identity and not costs.reconstruction:
        raise ConfigError(
            f"translation.identity {costs.identity!r} is a share of translation.reconstruction, "
            "which is 0: set it to 0.0 as well"
        )
    if config.loss == "least-squares":
        _check_gates_open(config)


def _check_gates_open(config: "Config") -> None:
    """Raises ConfigError for gates that keep a network under least squares from its first step."""
    gates, first = config.tricks, LEAST_SQUARES_AT_FIRST
    closed = {
        "gate_real": gates.gate_real >= first and gates.gate_fake > 0,
        "gate_generator": gates.gate_generator >= first,
    }
    for name, is_closed in closed.items():
        if is_closed:
            raise ConfigError(
                f"tricks.{name} {getattr(gates, name)!r} is never passed with loss 'least-squares', "
                f"which is about {first} before anything is learnt: set it below that"
            )


def check_size(config: "Config", resolution_px: int) -> None:
    """Raises ConfigError for a norm that nothing would read with images of this side.

    A file that was trained may hold one; a run that begins may not.
    """
    judge, two_stages = config.discriminator, config.model == "stackgan"
    judged_px = -(-resolution_px // 2) if two_stages else resolution_px
    single = judge.architecture == "dcgan" and judged_px < DCGAN_NORMED_FROM_PX
    if single and judge.normalisation != "none":
        of_stage = (
            f" in the first stage, which draws {judged_px} of" if two_stages else " on images of"
        )
        other = "sngan" if two_stages else "demo"
        least_px = 2 * DCGAN_NORMED_FROM_PX - 1 if two_stages else DCGAN_NORMED_FROM_PX
        raise ConfigError(
            f"discriminator.normalisation {judge.normalisation!r} has no effect{of_stage} "
            f"{resolution_px} px, for which architecture 'dcgan' has one convolution, and norms come "
            f"after the second: set it to 'none', choose discriminator.architecture {other!r}, or "
            f"images of at least {least_px} px"
        )


def may_bound(config: "Config") -> tuple[str, ...]:
    """What could bound the slope of a discriminator of this config, each as it is written in one."""
    ways = {
        "discriminator.clip (0.01)": config.model != "cyclegan",
        "penalty.name 'gradient-penalty'": may_have_penalty(config) and config.model != "bigan",
        "discriminator.spectral": True,
    }
    return tuple(way for way, is_possible in ways.items() if is_possible)


def may_have_penalty(config: "Config") -> bool:
    """Whether some penalty goes together with the rest of the config."""
    game = config.model not in ("vae", "cyclegan") and config.loss != "began"
    return game and not _mixes_images(config)


def _mixes_images(config: "Config") -> bool:
    discriminator = config.discriminator
    return discriminator.normalisation == "batch" or discriminator.minibatch_kernels > 0


def _model_and_architectures(config: "Config") -> None:
    for part, choices in (
        ("generator", GENERATORS_OF[config.model]),
        ("discriminator", DISCRIMINATORS_OF[config.model]),
    ):
        found = getattr(config, part).architecture
        if found not in choices:
            fitting = [name for name in choices if _suits_began(config, part, name)]
            raise ConfigError(
                f"{part}.architecture {found!r} does not fit model {config.model!r}: "
                f"choose {' or '.join(fitting)}"
            )


def _suits_began(config: "Config", part: str, architecture: str) -> bool:
    """Whether a choice would not be refused at once for the sake of BEGAN."""
    if config.model != "gan" or part == "generator":
        return True
    return (architecture == "autoencoder") == (config.loss == "began")


def _model_and_task(config: "Config") -> None:
    tasks = TASKS_OF.get(config.model, ("none",))
    if config.translation.task not in tasks:
        raise ConfigError(
            f"translation.task {config.translation.task!r} does not fit model {config.model!r}: "
            f"choose {' or '.join(tasks)}"
        )
    if config.model == "cyclegan" and config.translation.from_class == config.translation.to_class:
        raise ConfigError(
            f"translation.from_class and to_class must differ, got "
            f"{config.translation.from_class} twice"
        )


def _penalty_and_norm(config: "Config") -> None:
    if config.penalty.name == "none":
        return
    if config.discriminator.normalisation == "batch":
        raise ConfigError(
            f"penalty.name {config.penalty.name!r} takes the gradient of each image alone, but "
            "discriminator.normalisation 'batch' mixes the images: choose layer, group or none"
        )
    if config.discriminator.minibatch_kernels:
        raise ConfigError(
            f"penalty.name {config.penalty.name!r} takes the gradient of each image alone, but "
            "discriminator.minibatch_kernels compares the images: set it to 0"
        )


def _wasserstein_is_bounded(config: "Config") -> None:
    discriminator = config.discriminator
    bounded = config.penalty.name in ("gradient-penalty", "dragan") or discriminator.spectral
    if config.loss == "wasserstein" and not bounded and not discriminator.clip:
        raise ConfigError(
            f"loss 'wasserstein' needs a bounded discriminator: set {listed(may_bound(config))}"
        )


def _began_and_autoencoder(config: "Config") -> None:
    if config.model != "gan":
        return
    if (config.loss == "began") != (config.discriminator.architecture == "autoencoder"):
        raise ConfigError(
            f"loss 'began' and discriminator.architecture 'autoencoder' need each other, got "
            f"{config.loss!r} and {config.discriminator.architecture!r}"
        )


def _began_judges_by_reconstruction(config: "Config") -> None:
    if config.loss != "began":
        return
    if config.conditional:
        raise ConfigError("loss 'began' judges images alone: set conditional to false")
    if config.discriminator.minibatch_kernels:
        raise ConfigError(
            "loss 'began' has no features to compare: set discriminator.minibatch_kernels to 0"
        )
    if config.penalty.name != "none":
        raise ConfigError("loss 'began' keeps its own balance: set penalty.name to 'none'")


def _vae_has_no_discriminator(config: "Config") -> None:
    if config.model != "vae":
        return
    wanted = {
        "penalty.name": (config.penalty.name, "none"),
        "tricks.label_smoothing": (config.tricks.label_smoothing, 0.0),
        "discriminator.learning_rate": (
            config.discriminator.learning_rate,
            config.generator.learning_rate,
        ),
        "discriminator.steps": (config.discriminator.steps, 1),
        "discriminator.spectral": (config.discriminator.spectral, False),
        "discriminator.clip": (config.discriminator.clip, 0.0),
        "discriminator.minibatch_kernels": (config.discriminator.minibatch_kernels, 0),
    }
    for key, (found, only) in wanted.items():
        if found != only:
            raise ConfigError(
                f"{key} must be {only!r} for model 'vae', which has an encoder and one rate in "
                f"place of a discriminator, got {found!r}"
            )


def _model_and_loss(config: "Config") -> None:
    choices = LOSSES_OF[config.model]
    if config.loss not in choices:
        raise ConfigError(
            f"loss {config.loss!r} does not fit model {config.model!r}: choose {', '.join(choices)}"
        )


def _smoothing_and_loss(config: "Config") -> None:
    if config.tricks.label_smoothing and config.loss not in LOSSES_WITH_LABELS:
        raise ConfigError(
            f"tricks.label_smoothing needs a loss with labels, got loss {config.loss!r}: "
            f"{_choose_labels(config)}set it to 0"
        )


def _choose_labels(config: "Config", but: str = "") -> str:
    """The advice to take a loss with labels, empty where there is none to take."""
    if config.loss == "began":  # whose discriminator no other loss can use
        return ""
    fitting = [loss for loss in LOSSES_WITH_LABELS if loss in LOSSES_OF[config.model]]
    return f"choose {', '.join(loss for loss in fitting if loss != but)}, or "


def _gates(config: "Config") -> None:
    if not config.tricks.gated:
        return
    if config.model != "gan":
        raise ConfigError(
            f"the gates of tricks are for model 'gan', got {config.model!r}: set them to 0"
        )
    if config.loss not in LOSSES_WITH_LABELS:
        never_passed = "minimax" if config.tricks.gate_generator else ""
        raise ConfigError(
            f"the gates of tricks compare losses with labels, got loss {config.loss!r}: "
            f"{_choose_labels(config, but=never_passed)}set them to 0"
        )
    if config.tricks.gate_generator and config.loss == "minimax":
        raise ConfigError(
            "tricks.gate_generator is never passed with loss 'minimax', whose generator's loss is "
            "below 0: choose loss 'non-saturating' or set it to 0"
        )


def _tricks_of_gans(config: "Config") -> None:
    tricks = config.tricks
    if config.model not in GANS and (tricks.instance_noise or tricks.augmentation != "none"):
        raise ConfigError(
            f"tricks.instance_noise and tricks.augmentation are for models {', '.join(GANS)}, "
            f"got {config.model!r}: set them to 0 and 'none'"
        )


def _codes_and_penalty(config: "Config") -> None:
    if config.model == "bigan" and config.penalty.name not in ("none", "r1"):
        raise ConfigError(
            f"penalty.name {config.penalty.name!r} needs points between pairs of image and code, "
            f"which model 'bigan' has not: choose none{'' if _mixes_images(config) else ' or r1'}"
        )


def _cycle_is_bounded_by_norms(config: "Config") -> None:
    if config.model != "cyclegan":
        return
    if config.penalty.name != "none" or config.discriminator.clip:
        raise ConfigError(
            "penalty.name must be 'none' and discriminator.clip 0 for model 'cyclegan', got "
            f"{config.penalty.name!r} and {config.discriminator.clip}: set discriminator.spectral "
            "to bound its discriminators"
        )


def _virtual_norm(config: "Config") -> None:
    for part in ("generator", "discriminator"):
        if getattr(config, part).normalisation == "virtual" and config.model != "gan":
            raise ConfigError(
                f"{part}.normalisation 'virtual' is for model 'gan', got {config.model!r}: "
                "choose another norm"
            )
    if config.discriminator.normalisation == "virtual" and config.discriminator.minibatch_kernels:
        raise ConfigError(
            "discriminator.minibatch_kernels would compare images with the reference batch of "
            "discriminator.normalisation 'virtual': set it to 0 or choose another norm"
        )


def _lecture_widths(config: "Config") -> None:
    if config.generator.architecture == "lecture" and config.generator.features < 2:
        raise ConfigError("generator.features must be at least 2 for architecture 'lecture', got 1")


def _conditional_stack(config: "Config") -> None:
    if config.model == "stackgan" and not config.conditional:
        raise ConfigError("model 'stackgan' draws from a class: set conditional to true")
    if config.translation.task != "none" and config.conditional:
        raise ConfigError(f"model {config.model!r} takes no class: set conditional to false")


RULES: tuple[Callable[["Config"], None], ...] = (
    _model_and_architectures,
    _model_and_task,
    _model_and_loss,
    _vae_has_no_discriminator,
    _began_and_autoencoder,
    _began_judges_by_reconstruction,
    _smoothing_and_loss,
    _gates,
    _tricks_of_gans,
    _codes_and_penalty,
    _cycle_is_bounded_by_norms,
    _penalty_and_norm,
    _wasserstein_is_bounded,
    _virtual_norm,
    _lecture_widths,
    _conditional_stack,
)
"""In an order in which what one advises is not what another refuses."""
