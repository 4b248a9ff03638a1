"""What happens in a study, a verb a service: launch, take part, answer, finish, pay, withdraw, simulate."""

from evalsite.studies.services.answering import Recorded, current_block, record_responses
from evalsite.studies.services.errors import Refused
from evalsite.studies.services.finishing import (
    OwnResult,
    ask_for_scores,
    close_if_done,
    close_study,
    delete_waiting,
    own_result,
)
from evalsite.studies.services.launching import (
    hash_design,
    launch_study,
    open_if_ready,
    open_studies_of,
    open_waiting,
)
from evalsite.studies.services.laying_out import COUNTDOWN_MS, MASK_MS, MASKS, observers_needed
from evalsite.studies.services.paying import Due, Payroll, due, most_for_one, payroll
from evalsite.studies.services.screens import screens_of
from evalsite.studies.services.simulating import simulate_observers
from evalsite.studies.services.taking_part import describe_screen, returning, take_part
from evalsite.studies.services.withdrawing import withdraw

__all__ = [
    "COUNTDOWN_MS",
    "MASKS",
    "MASK_MS",
    "Due",
    "OwnResult",
    "Payroll",
    "Recorded",
    "Refused",
    "ask_for_scores",
    "close_if_done",
    "close_study",
    "current_block",
    "delete_waiting",
    "describe_screen",
    "due",
    "hash_design",
    "launch_study",
    "most_for_one",
    "observers_needed",
    "open_if_ready",
    "open_studies_of",
    "open_waiting",
    "own_result",
    "payroll",
    "record_responses",
    "returning",
    "screens_of",
    "simulate_observers",
    "take_part",
    "withdraw",
]
