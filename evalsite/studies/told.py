"""What trials from elsewhere tell of how they were shown, and whether that is of their protocol."""

import numpy as np

from evalsite.studies import services
from evalsite.studies.checks import MOST_LEVELS
from evalsite.studies.design import Rules
from evalsite.studies.models import Protocol
from evalsite.studies.table import TOGETHER
from scoring.columns import Codes
from scoring.staircase import RULES, ConstantStimuli, UpDown, explains, rule_of
from scoring.table import TrialTable

SHORTEST_EXPOSURE_MS = 8  # a frame at 120 Hz
SHORTEST_MEDIAN_MS = 30  # people take ten times as long


def rules_of(table: TrialTable, protocol: str) -> Rules:
    """What the trials say of how they were shown; Refused if they are not of this protocol."""
    _refuse_seconds(table)
    if protocol not in TOGETHER:
        _refuse_screens(table, protocol)
    if protocol == Protocol.UNLIMITED:
        _refuse_exposures(table)
    if protocol == Protocol.LIMITED:
        return _limited_rules(table)
    if protocol == Protocol.FLASH:
        return _flash_rules(table)
    if protocol == Protocol.PAIR:
        return _pair_rules(table)
    if protocol == Protocol.SELECT:
        return _select_rules(table)
    return Rules()


def _refuse_seconds(table: TrialTable) -> None:
    """Columns of ms that can only be in seconds: no screen is so quick, and nobody."""
    asked, taken = (own[np.isfinite(own)] for own in (table.exposure_ms, table.rt_ms))
    if asked.size and asked.min() < SHORTEST_EXPOSURE_MS:
        raise services.Refused(
            f"exposure_ms is as short as {asked.min():g} ms, less than a screen's frame: "
            "is it in seconds? Of images that stay until answered it is empty"
        )
    if taken.size and (median_ms := float(np.median(taken))) < SHORTEST_MEDIAN_MS:
        raise services.Refused(
            f"half of the answers take less than {median_ms:.3g} ms, which nobody can: "
            "is rt_ms in seconds?"
        )


def _refuse_screens(table: TrialTable, protocol: str) -> None:
    sizes = screen_sizes(table)
    if together := int((sizes > 1).sum()):
        raise services.Refused(
            f"{protocol} studies show one image at a time, and by the column screen "
            f"{together:,} of {len(sizes):,} screens had several: is the protocol pair or select?"
        )


def _refuse_exposures(table: TrialTable) -> None:
    timed = int((np.isfinite(table.exposure_ms) & ~table.catch).sum())
    if timed:
        raise services.Refused(
            f"images of an unlimited study stay until answered, and {timed:,} trials have an "
            "exposure_ms: is the protocol limited or flash?"
        )


def screen_sizes(table: TrialTable) -> Codes:
    """(S,) how many images each screen has."""
    return np.unique(table.screens, return_counts=True)[1]


def _timed(table: TrialTable, protocol: str) -> TrialTable:
    """The trials whose exposure was the protocol's: catch trials have their own."""
    timed = table.where(~table.catch & np.isfinite(table.exposure_ms))
    if not len(timed):
        raise services.Refused(f"a {protocol} study needs exposure_ms, and no trial has it")
    return timed


def _limited_rules(table: TrialTable) -> Rules:
    exposures = np.unique(np.rint(_timed(table, "limited").exposure_ms))
    if len(exposures) > MOST_LEVELS:
        raise services.Refused(
            f"a limited study has at most {MOST_LEVELS} exposures, got {len(exposures)}: "
            "exposure_ms is what was asked for, shown_ms what was measured"
        )
    return Rules(exposures_ms=tuple(map(int, exposures)))


def _flash_rules(table: TrialTable) -> Rules:
    timed = _timed(table, "flash")
    rule = rule_of(timed)
    if isinstance(rule, ConstantStimuli):
        return Rules(staircase="constant", exposures_ms=tuple(map(round, rule.levels_ms)))
    if not (isinstance(rule, UpDown) and explains(rule, timed)):
        raise services.Refused(
            "within blocks exposure_ms changes by none of the rules of a flash study: weighted (10 "
            "ms less or 30 more), 3-down-1-up (30 ms either way) or up to 12 constant levels. Do "
            "block and position give the trials' order? Fixed exposures are of the protocol limited"
        )
    return Rules(staircase=next(name for name, known in RULES.items() if known == rule))


def _pair_rules(table: TrialTable) -> Rules:
    sizes = screen_sizes(table)
    if not (sizes == 2).any():
        raise services.Refused(
            "a pair study needs the column screen: the two rows of a pair have the same word there"
        )
    if others := int((sizes != 2).sum()):
        raise services.Refused(
            "a pair study shows two images at a time, and by the column screen "
            f"{others:,} of {len(sizes):,} screens had another number"
        )
    _refuse_undecided(table)
    beside_real = bool((~table.fake & ~table.catch).any())
    return Rules(against="real" if beside_real else "generators", allow_ties=bool(table.tied.any()))


def _refuse_undecided(table: TrialTable) -> None:
    """Of a pair one image is taken for real and the other for fake, or there is no answer."""
    _, screen = np.unique(table.screens, return_inverse=True)
    said = [np.bincount(screen, table.response == word) for word in ("real", "fake")]
    if odd := int((said[0] != said[1]).sum()):
        raise services.Refused(
            "of a pair one response is real and the other fake, or both are empty; "
            f"{odd:,} of {len(said[0]):,} pairs have others"
        )


def _select_rules(table: TrialTable) -> Rules:
    grid = int(screen_sizes(table).max())
    if grid == 2:
        raise services.Refused("two images together are a pair: is the protocol pair?")
    if grid < 2:
        raise services.Refused(
            "a select study needs the column screen: the rows of a grid have the same word there"
        )
    return Rules(grid=grid)
