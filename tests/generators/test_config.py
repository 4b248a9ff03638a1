import ast
from pathlib import Path

import pytest

from generators import config as module
from generators.config import (
    Config,
    ConfigError,
    available_configs,
    load_config,
    parse_override,
)


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
        ("nonsense", 1, "unknown key 'nonsense', choose from title, description, images"),
        ("generator.nonsense", 1, "unknown key 'generator.nonsense'"),
        ("loss", "best", "loss must be one of minimax, non-saturating, got 'best'"),
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


def test_the_lecture_generator_needs_two_features():
    with pytest.raises(ConfigError, match="at least 2 for architecture 'lecture', got 1"):
        load_config("lecture-dcgan", **{"generator.features": 1})


def test_a_missing_key_is_named():
    values = load_config("demo-15").as_dict()
    del values["generator"]["features"]
    with pytest.raises(ConfigError, match=r"generator\.features is missing"):
        Config.from_dict(values)


def test_an_absent_config_is_answered_with_the_choices():
    with pytest.raises(ConfigError, match="no config 'demo-99': give a TOML file or one of demo-"):
        load_config("demo-99")


def test_broken_toml_is_named(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("images = = 3")
    with pytest.raises(ConfigError, match=r"mine\.toml is no valid TOML"):
        load_config(path)


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


def test_reading_a_config_needs_only_the_standard_library():
    tree = ast.parse(Path(module.__file__).read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= set(__import__("sys").stdlib_module_names)
