import ast
from dataclasses import replace
from functools import reduce
from pathlib import Path

import pytest
import torch
from torch import nn

from generators import config as module
from generators.config import (
    CONFIG_FOLDER,
    Config,
    ConfigError,
    available_configs,
    load_config,
    parse_override,
)
from generators.config_reading import build
from generators.config_rules import RULES, check_size
from generators.models import create_model
from generators.networks import ImageShape, ShapeError


def test_the_ladder_of_four_is_shipped_and_described():
    assert {"lecture-dcgan", "demo-15", "demo-30", "demo-60"} <= set(available_configs())
    for name in available_configs():
        config = load_config(name)
        assert config.title
        assert config.description.endswith(".")


def test_the_ladder_differs_in_its_budget_alone():
    rungs = [load_config(f"demo-{seconds}").as_dict() for seconds in (15, 30, 60)]
    budgets = [rung.pop("images") for rung in rungs]
    assert budgets == sorted(set(budgets))
    for rung in rungs:
        del rung["title"], rung["description"]
    assert rungs[0] == rungs[1] == rungs[2]


def test_a_config_survives_the_way_through_a_dictionary():
    config = load_config("demo-30")
    assert Config.from_dict(config.as_dict()) == config


def test_an_override_by_a_table_leaves_the_rest_of_it():
    config = load_config("demo-60", **dict([parse_override("adam = {beta1 = 0.1}")]))
    assert config.adam == replace(load_config("demo-60").adam, beta1=0.1)
    with pytest.raises(ConfigError, match=r"unknown key 'adam\.beta3', choose from"):
        load_config("demo-60", adam={"beta3": 0.1})
    with pytest.raises(ConfigError, match="'images' is a value, not a table"):
        load_config("demo-60", images={"count": 1})
    with pytest.raises(ConfigError, match="'adam' is given no value"):
        load_config("demo-60", adam={})


def test_an_override_replaces_one_value_by_its_dotted_path():
    config = load_config("demo-15", images=96, **{"adam.beta1": 0, "penalty.name": "none"})
    assert (config.images, config.adam.beta1, config.penalty.name) == (96, 0.0, "none")
    assert config.generator == load_config("demo-15").generator


def test_the_hash_ignores_words_and_sees_every_number():
    config = load_config("demo-15")
    assert load_config("demo-15", title="Another").hash() == config.hash()
    assert load_config("demo-15", seed=1).hash() != config.hash()


def test_a_budget_is_rounded_up_to_whole_steps():
    config = load_config("demo-15", images=65, batch=32, **{"discriminator.steps": 2})
    assert (config.images_per_step, config.steps) == (64, 2)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("nonsense", 1, "unknown key 'nonsense', choose from title, description, model, images"),
        ("generator.nonsense", 1, "unknown key 'generator.nonsense'"),
        ("loss", "best", "loss must be one of minimax, non-saturating, .* began, got 'best'"),
        ("images", 0, "images must be from 1 to .*, got 0"),
        ("images", 1.5, "images must be a whole number, got 1.5"),
        ("conditional", 1, "conditional must be true or false, got 1"),
        ("batch", True, "batch must be a whole number, got True"),
        ("discriminator.steps", 0, "discriminator.steps must be from 1 to 100, got 0"),
        ("generator.learning_rate", -1.0, "generator.learning_rate must be from .*, got -1.0"),
        ("generator.learning_rate", float("nan"), "generator.learning_rate .*, got nan"),
        ("generator.learning_rate", "fast", "generator.learning_rate must be a number"),
        ("generator", 3, "generator must be a table, got 3"),
        ("images.more", 3, "unknown key 'images.more'"),
        ("penalty.every", 0, "penalty.every must be from 1 to 1000, got 0"),
        (
            "discriminator.normalisation",
            "batch",
            "penalty.name 'r1' .* choose layer, group or none",
        ),
    ],
)
def test_a_bad_value_is_refused_by_key_value_and_choices(key, value, message):
    with pytest.raises(ConfigError, match=message):
        load_config("demo-15", **{key: value})


@pytest.mark.parametrize("key", ["z_dim", "loss", "adam", "n" * 9000])
def test_a_value_that_fills_pages_is_told_in_a_line(key):
    with pytest.raises(ConfigError, match="…") as refused:
        load_config("demo-15", **{key: "9" * 9000})
    assert len(str(refused.value)) < 400


REFUSED = {
    "K of 0": (
        "demo-15",
        {"discriminator.steps": 0},
        r"discriminator\.steps must be from 1 to 100",
    ),
    "WGAN-GP with batch norm": (
        "wgan-gp",
        {"discriminator.normalisation": "batch"},
        r"penalty\.name 'gradient-penalty' .*discriminator\.normalisation 'batch' mixes the images: "
        "choose layer, group or none",
    ),
    "a penalty with minibatch discrimination": (
        "wgan-gp",
        {"discriminator.minibatch_kernels": 4},
        r"discriminator\.minibatch_kernels compares the images: set it to 0",
    ),
    "an unbounded critic": (
        "wgan",
        {"discriminator.clip": 0.0},
        r"needs a bounded discriminator: set discriminator\.clip \(0\.01\) or discriminator\.spectral$",
    ),
    "an unbounded critic of single images": (
        "wgan",
        {"discriminator.clip": 0.0, "discriminator.normalisation": "layer"},
        r"set discriminator\.clip \(0\.01\), penalty\.name 'gradient-penalty' or discriminator\.spectral$",
    ),
    "a BiGAN's unbounded critic": (
        "bigan",
        {"loss": "wasserstein"},
        r"needs a bounded discriminator: set discriminator\.clip \(0\.01\) or discriminator\.spectral$",
    ),
    "a CycleGAN's unbounded critic": (
        "sneakers-to-boots",
        {"loss": "wasserstein"},
        r"needs a bounded discriminator: set discriminator\.spectral$",
    ),
    "a discriminator of translations": (
        "demo-15",
        {"discriminator.architecture": "patch"},
        "does not fit model 'gan': choose demo or lecture or dcgan or sngan$",
    ),
    "a discriminator of translations for BEGAN": (
        "began",
        {"discriminator.architecture": "patch"},
        "does not fit model 'gan': choose autoencoder$",
    ),
    "R1 as the bound of a critic": ("wgan-gp", {"penalty.name": "r1"}, "needs a bounded"),
    "another model's generator": (
        "demo-15",
        {"generator.architecture": "unet"},
        r"generator\.architecture 'unet' does not fit model 'gan': choose demo or lecture",
    ),
    "another model's discriminator": (
        "vae",
        {"discriminator.architecture": "lecture"},
        r"discriminator\.architecture 'lecture' does not fit model 'vae': choose demo or dcgan",
    ),
    "BEGAN without its autoencoder": (
        "began",
        {"discriminator.architecture": "demo"},
        "loss 'began' and discriminator.architecture 'autoencoder' need each other",
    ),
    "an autoencoder without BEGAN": ("began", {"loss": "hinge"}, "need each other, got 'hinge'"),
    "BEGAN with classes": ("began", {"conditional": True}, "set conditional to false"),
    "BEGAN with minibatch discrimination": (
        "began",
        {"discriminator.minibatch_kernels": 4},
        r"set discriminator\.minibatch_kernels to 0",
    ),
    "BEGAN with a penalty": ("began", {"penalty.name": "r1"}, r"set penalty\.name to 'none'"),
    "BEGAN with smoothing": (
        "began",
        {"tricks.label_smoothing": 0.1},
        r"tricks\.label_smoothing needs a loss with labels, got loss 'began': set it to 0$",
    ),
    "smoothing without labels": (
        "hinge-sn",
        {"tricks.label_smoothing": 0.1},
        "got loss 'hinge': choose minimax, non-saturating, least-squares, or set it to 0",
    ),
    "a BiGAN's smoothing without labels": (
        "bigan",
        {"tricks.label_smoothing": 0.1, "loss": "hinge"},
        "got loss 'hinge': choose minimax, non-saturating, or set it to 0",
    ),
    "a gate on a loss without labels": (
        "hinge-sn",
        {"tricks.gate_real": 0.5},
        "got loss 'hinge': choose minimax, non-saturating, least-squares, or set them to 0",
    ),
    "a generator's gate on a loss without labels": (
        "hinge-sn",
        {"tricks.gate_generator": 0.5},
        "got loss 'hinge': choose non-saturating, least-squares, or set them to 0",
    ),
    "a gate on BEGAN": ("began", {"tricks.gate_real": 0.5}, "got loss 'began': set them to 0"),
    "a gate on two players against one": (
        "bigan",
        {"tricks.gate_real": 0.5},
        "the gates of tricks are for model 'gan', got 'bigan': set them to 0",
    ),
    "a gate that is never passed": (
        "minimax",
        {"tricks.gate_generator": 0.5},
        r"tricks\.gate_generator is never passed with loss 'minimax'",
    ),
    "the lecture's gates under least squares": (
        "lsgan",
        {"tricks.gate_real": 0.6, "tricks.gate_fake": 0.45},
        r"tricks\.gate_real 0\.6 is never passed with loss 'least-squares', .* 0\.5 .* set it below",
    ),
    "the lecture's gate of the generator under least squares": (
        "lsgan",
        {"tricks.gate_generator": 0.5},
        r"tricks\.gate_generator 0\.5 is never passed with loss 'least-squares', .* set it below",
    ),
    "an identity that is a share of nothing": (
        "sneakers-to-boots",
        {"translation.reconstruction": 0},
        r"translation\.identity 0\.2 is a share of translation\.reconstruction, .* set it to 0\.0",
    ),
    "a VAE's game": ("vae", {"loss": "hinge"}, "does not fit model 'vae': choose least-squares"),
    "a VAE's penalty": (
        "vae",
        {"penalty.name": "r1"},
        r"penalty\.name must be 'none' for model 'vae'",
    ),
    "a VAE's K": (
        "vae",
        {"discriminator.steps": 2},
        r"discriminator\.steps must be 1 for model 'vae'",
    ),
    "a VAE's second rate": (
        "vae",
        {"discriminator.learning_rate": 0.5},
        r"discriminator\.learning_rate must be 0\.001 for model 'vae', .* got 0\.5",
    ),
    "a VAE's noise": ("vae", {"tricks.instance_noise": 0.5}, "are for models gan, bigan, stackgan"),
    "a VAE's augmentation": (
        "vae",
        {"tricks.augmentation": "translation-cutout"},
        "are for models gan, bigan, stackgan, got 'vae': set them to 0 and 'none'",
    ),
    "a BiGAN's squares": (
        "bigan",
        {"loss": "least-squares"},
        "does not fit model 'bigan': choose minimax, non-saturating, wasserstein, hinge",
    ),
    "a BiGAN's lines": (
        "bigan",
        {"penalty.name": "gradient-penalty"},
        r"penalty\.name 'gradient-penalty' needs points between pairs .* choose none or r1",
    ),
    "a BiGAN's lines between mixed images": (
        "bigan",
        {"penalty.name": "gradient-penalty", "discriminator.normalisation": "batch"},
        "needs points between pairs .* choose none$",
    ),
    "a virtual norm in another model": (
        "bigan",
        {"generator.normalisation": "virtual"},
        r"generator\.normalisation 'virtual' is for model 'gan', got 'bigan'",
    ),
    "minibatch discrimination beside a reference": (
        "non-saturating",
        {"discriminator.normalisation": "virtual", "discriminator.minibatch_kernels": 4},
        r"discriminator\.minibatch_kernels would compare images with the reference batch",
    ),
    "a task for a model from noise": (
        "demo-15",
        {"translation.task": "edges"},
        r"translation\.task 'edges' does not fit model 'gan': choose none",
    ),
    "one class into itself": (
        "sneakers-to-boots",
        {"translation.from_class": 9, "translation.to_class": 9},
        "from_class and to_class must differ, got 9 twice",
    ),
    "classes for a translation": (
        "sneakers-to-boots",
        {"conditional": True},
        "model 'cyclegan' takes no class: set conditional to false",
    ),
    "a relativistic translation": (
        "sneakers-to-boots",
        {"loss": "relativistic"},
        "loss 'relativistic' does not fit model 'cyclegan': choose minimax",
    ),
    "a penalty on a CycleGAN": (
        "sneakers-to-boots",
        {"penalty.name": "r1"},
        r"penalty\.name must be 'none' and discriminator\.clip 0 .* got 'r1' and 0.0",
    ),
    "clipped CycleGAN discriminators": (
        "sneakers-to-boots",
        {"discriminator.clip": 0.1},
        "'none' and 0.1: set discriminator.spectral",
    ),
    "a StackGAN without classes": (
        "stackgan-emoji",
        {"conditional": False},
        "model 'stackgan' draws from a class: set conditional to true",
    ),
    "the lecture's with one feature": (
        "lecture-dcgan",
        {"generator.features": 1},
        r"generator\.features must be at least 2 for architecture 'lecture', got 1",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_combination_that_breaks_is_refused_by_key_and_choice(name):
    config, changes, message = REFUSED[name]
    load_config(config)
    with pytest.raises(ConfigError, match=message):
        load_config(config, **changes)


def test_every_rule_refuses_something():
    """Each rule is broken by one of the combinations above: none is there for nothing."""
    broken = set()
    for config, changes, _ in REFUSED.values():
        values = load_config(config).as_dict()
        for key, value in changes.items():
            *tables, leaf = key.split(".")
            reduce(dict.__getitem__, tables, values)[leaf] = value
        try:
            config = build(Config, values)
        except ConfigError:
            continue
        broken |= {rule.__name__ for rule in RULES if refuses(rule, config)}
    assert broken == {rule.__name__ for rule in RULES}


def refuses(rule, config):
    try:
        rule(config)
    except ConfigError:
        return True
    return False


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("wgan-gp", {"discriminator.normalisation": "virtual"}),
        ("wgan-gp", {"discriminator.normalisation": "instance"}),
        ("wgan", {"discriminator.clip": 0.0, "discriminator.spectral": True}),
        ("bigan", {"penalty.name": "none", "discriminator.minibatch_kernels": 8}),
        ("bigan", {"tricks.augmentation": "translation-cutout", "tricks.instance_noise": 0.1}),
        ("non-saturating", {"tricks.gate_generator": 0.5, "tricks.label_smoothing": 0.1}),
        ("vae", {"conditional": True}),
    ],
)
def test_a_combination_that_holds_is_not_refused(name, changes):
    load_config(name, **changes)


@pytest.mark.parametrize("model", ["dcgan-28", "vae", "bigan"])
def test_a_norm_that_a_single_layer_would_not_have_is_refused_with_the_size(model):
    small = {"discriminator.architecture": "dcgan", "discriminator.normalisation": "layer"}
    config = load_config(model, **small)
    words = (
        r"discriminator\.normalisation 'layer' has no effect on images of 15 px, .* at least 16 px"
    )
    with pytest.raises(ConfigError, match=words):
        check_size(config, 15)
    check_size(config, 16)
    for advised in ({"normalisation": "none"}, {"architecture": "demo"}):
        check_size(replace(config, discriminator=replace(config.discriminator, **advised)), 15)


@pytest.mark.parametrize("side_px", [16, 29, 30])
def test_a_norm_that_the_first_of_two_stages_would_not_have_is_refused(side_px):
    config = load_config("stackgan-emoji")
    words = (
        rf"'layer' has no effect in the first stage, which draws {-(-side_px // 2)} of {side_px} px"
    )
    with pytest.raises(ConfigError, match=f"{words}.* 'sngan', or images of at least 31 px"):
        check_size(config, side_px)
    check_size(config, 31)
    for advised in ({"normalisation": "none"}, {"architecture": "sngan"}):
        judge = replace(config.discriminator, **advised)
        check_size(replace(config, discriminator=judge), side_px)


def unbound(config):
    """Without spectral norms, which are slow to be made and change no layer."""
    generator = replace(config.generator, spectral=False)
    discriminator = replace(config.discriminator, spectral=False)
    return replace(config, generator=generator, discriminator=discriminator)


@pytest.mark.parametrize("side_px", [8, 15, 16, 28])
@pytest.mark.parametrize("model", [*available_configs()])
def test_every_other_norm_of_a_shipped_config_has_something_to_normalise(model, side_px):
    config, counts = load_config(model), ImageShape(side_px, 1, 10)
    try:
        check_size(config, side_px)
        with torch.device("meta"):
            networks = create_model(unbound(config), counts)
    except (ConfigError, ShapeError):  # of a norm without effect, or for the size
        return
    for part in ("generator", "discriminator"):
        if getattr(config, part).normalisation != "none" and hasattr(networks, part):
            kinds = {type(module) for module in getattr(networks, part).modules()}
            assert kinds & {nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d}, part


ZOO = [
    "minimax", "non-saturating", "lsgan", "wgan", "wgan-gp", "dragan", "hinge-sn", "relativistic",
    "began", "vae", "bigan", "lecture-gated", "lecture-dcgan",
]  # fmt: skip


def test_every_loss_and_penalty_of_the_lectures_has_a_recipe():
    recipes = [load_config(name) for name in ZOO]
    assert {recipe.loss for recipe in recipes} == set(module.LOSSES)
    assert {load_config(name).penalty.name for name in available_configs()} == set(module.PENALTIES)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        (
            "edges-to-fashion",
            {"translation.perceptual": 5.0},
            r"translation\.perceptual is read by model 'srgan' alone: set it to 0\.0, got 5\.0",
        ),
        (
            "edges-to-fashion",
            {"discriminator.minibatch_kernels": 8},
            r"discriminator\.minibatch_kernels is read by discriminator\.architectures other than",
        ),
        ("demo-15", {"tricks.diversity": 0.7}, r"tricks\.diversity is read by loss 'began' alone"),
        ("demo-15", {"translation.factor": 4}, r"translation\.factor is read by translation\.task"),
        ("enlarge-14-to-28", {"translation.buffer": 5}, r"translation\.buffer .* 'cyclegan' alone"),
        ("dcgan-64", {"stage_two_from": 0.7}, r"stage_two_from is read by model 'stackgan' alone"),
        (
            "wgan",
            {"discriminator.spectral": True},
            r"discriminator\.clip 0\.05 would bound weights that discriminator\.spectral divides",
        ),
    ],
)
def test_a_value_that_nothing_reads_is_refused(name, changes, message):
    with pytest.raises(ConfigError, match=message):
        load_config(name, **changes)


def test_a_trained_file_may_hold_a_value_that_nothing_reads():
    values = load_config("demo-15").as_dict()
    values["tricks"]["diversity"] = 0.7
    assert Config.from_dict(values).tricks.diversity == 0.7


def test_a_penalty_with_a_weight_needs_a_name(tmp_path):
    text = Path(module.CONFIG_FOLDER / "minimax.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text.split("[penalty]")[0] + "[penalty]\nweight = 10\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"penalty\.name is missing: choose one of none, r1, "):
        load_config(path)


def test_a_missing_key_is_named():
    values = load_config("demo-15").as_dict()
    del values["generator"]["features"]
    with pytest.raises(ConfigError, match=r"generator\.features is missing"):
        Config.from_dict(values)


def test_an_absent_config_is_answered_with_the_choices():
    with pytest.raises(
        ConfigError, match="no config 'demo-99': give a TOML file or one of began, "
    ):
        load_config("demo-99")


def test_a_byte_order_mark_is_passed_over(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text((CONFIG_FOLDER / "demo-15.toml").read_text(), encoding="utf-8-sig")
    assert load_config(path) == load_config("demo-15")


def test_an_override_of_two_lines_is_refused():
    with pytest.raises(ConfigError, match="written key=value, got"):
        parse_override("images=320\nbatch=8")


def test_broken_toml_is_named(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("images = = 3")
    with pytest.raises(ConfigError, match=r"mine\.toml is no valid TOML"):
        load_config(path)


@pytest.mark.parametrize("text", ["images = " + "9" * 5000, "images = " + "[" * 3000])
def test_toml_that_python_cannot_read_is_named_too(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"mine\.toml is no valid TOML"):
        load_config(path)
    with pytest.raises(ConfigError, match="images must be a whole number"):
        load_config("demo-15", **dict([parse_override(text)]))


def test_a_whole_number_too_large_for_any_float_is_refused():
    with pytest.raises(ConfigError, match=r"adam\.beta1 must be from 0\.0 to 0\.9999, got 1000"):
        load_config("demo-15", **{"adam.beta1": 10**400})


def test_an_unknown_key_may_have_any_name():
    with pytest.raises(ConfigError, match="unknown key 'name_or_path', choose from title"):
        load_config("demo-15", name_or_path=1)


def test_a_config_file_of_ones_own_is_read_by_path(tmp_path):
    shipped = Path(module.__file__).parent / "configs" / "demo-15.toml"
    path = tmp_path / "mine.toml"
    path.write_text(shipped.read_text().replace("batch = 32", "batch = 16"))
    assert load_config(path).batch == 16


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("seed=3", ("seed", 3)),
        ("adam.beta1 = 0.5", ("adam.beta1", 0.5)),
        ("loss=minimax", ("loss", "minimax")),
        ('title="a = b"', ("title", "a = b")),
        ("conditional=false", ("conditional", False)),
    ],
)
def test_an_override_on_the_command_line_is_a_toml_value(text, pair):
    assert parse_override(text) == pair


@pytest.mark.parametrize("text", ["seed", "=3"])
def test_an_override_without_key_or_value_is_refused(text):
    with pytest.raises(ConfigError, match="written key=value"):
        parse_override(text)


@pytest.mark.parametrize("name", ["config", "config_reading", "config_rules"])
def test_reading_a_config_needs_only_the_standard_library(name):
    tree = ast.parse((Path(module.__file__).parent / f"{name}.py").read_text())
    imported = {
        imported.split(".")[0]
        for node in ast.walk(tree)
        for imported in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom) and not node.module.startswith("generators.config")
            else []
        )
    }
    assert imported <= set(__import__("sys").stdlib_module_names)
