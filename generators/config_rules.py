"""Which values of a config do not go together, and what to choose instead."""

from collections.abc import Callable
from typing import TYPE_CHECKING

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
MIXING_NORMS = ("batch", "virtual")
LOSSES_WITH_LABELS = ("minimax", "non-saturating", "least-squares")


def check_combination(config: "Config") -> None:
    """Raises ConfigError, naming the keys and the choices, for the first rule that is broken."""
    for rule in RULES:
        rule(config)


def _model_and_architectures(config: "Config") -> None:
    for part, choices in (
        ("generator", GENERATORS_OF[config.model]),
        ("discriminator", DISCRIMINATORS_OF[config.model]),
    ):
        found = getattr(config, part).architecture
        if found not in choices:
            raise ConfigError(
                f"{part}.architecture {found!r} does not fit model {config.model!r}: "
                f"choose {' or '.join(choices)}"
            )


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
    norm = config.discriminator.normalisation
    if norm in MIXING_NORMS:
        raise ConfigError(
            f"penalty.name {config.penalty.name!r} takes the gradient of each image alone, but "
            f"discriminator.normalisation {norm!r} mixes the images: choose layer, group or none"
        )
    if config.discriminator.minibatch_kernels:
        raise ConfigError(
            f"penalty.name {config.penalty.name!r} takes the gradient of each image alone, but "
            "discriminator.minibatch_kernels compares the images: set it to 0"
        )
    if config.model == "vae":
        raise ConfigError("penalty.name must be 'none' for model 'vae': it has no discriminator")


def _wasserstein_is_bounded(config: "Config") -> None:
    discriminator = config.discriminator
    bounded = config.penalty.name in ("gradient-penalty", "dragan") or discriminator.spectral
    if config.loss == "wasserstein" and not bounded and not discriminator.clip:
        raise ConfigError(
            "loss 'wasserstein' needs a bounded discriminator: set discriminator.clip (0.01), "
            "penalty.name 'gradient-penalty' or discriminator.spectral"
        )


def _began_and_autoencoder(config: "Config") -> None:
    if config.model != "gan":
        return
    if (config.loss == "began") != (config.discriminator.architecture == "autoencoder"):
        raise ConfigError(
            f"loss 'began' and discriminator.architecture 'autoencoder' need each other, got "
            f"{config.loss!r} and {config.discriminator.architecture!r}"
        )


def _began_is_unconditional(config: "Config") -> None:
    if config.loss == "began" and config.conditional:
        raise ConfigError("loss 'began' judges images alone: set conditional to false")


def _losses_of_translations(config: "Config") -> None:
    if config.model != "gan" and config.loss in ("began", "relativistic"):
        raise ConfigError(
            f"loss {config.loss!r} does not fit model {config.model!r}: "
            "choose non-saturating, least-squares or hinge"
        )


def _smoothing_and_loss(config: "Config") -> None:
    if config.tricks.label_smoothing and config.loss not in LOSSES_WITH_LABELS:
        raise ConfigError(
            f"tricks.label_smoothing needs a loss with labels, got loss {config.loss!r}: choose "
            f"{', '.join(LOSSES_WITH_LABELS)}, or set it to 0"
        )


def _gates(config: "Config") -> None:
    if config.tricks.gated and (config.model != "gan" or config.loss not in LOSSES_WITH_LABELS):
        raise ConfigError(
            f"the gates of tricks compare losses with labels: model must be 'gan' and loss one of "
            f"{', '.join(LOSSES_WITH_LABELS)}, got {config.model!r} and {config.loss!r}"
        )


def _tricks_of_gans(config: "Config") -> None:
    tricks = config.tricks
    if config.model != "gan" and (tricks.instance_noise or tricks.augmentation != "none"):
        raise ConfigError(
            f"tricks.instance_noise and tricks.augmentation are for model 'gan', got "
            f"{config.model!r}"
        )


def _virtual_norm(config: "Config") -> None:
    norms = (config.generator.normalisation, config.discriminator.normalisation)
    if "virtual" in norms and config.model != "gan":
        raise ConfigError(
            f"normalisation 'virtual' is for model 'gan', got {config.model!r}: choose another norm"
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
    _penalty_and_norm,
    _wasserstein_is_bounded,
    _began_and_autoencoder,
    _began_is_unconditional,
    _losses_of_translations,
    _smoothing_and_loss,
    _gates,
    _tricks_of_gans,
    _virtual_norm,
    _lecture_widths,
    _conditional_stack,
)
