"""The small plot at the end: the observer among all who finished, on a line 600 units long."""

from collections import Counter
from dataclasses import dataclass

from evalsite.studies.services import OwnResult

WIDTH = 600
DOT_STEP = 13
STACKS = 40


@dataclass(frozen=True)
class Dot:
    x: float
    y: float


@dataclass(frozen=True)
class ResultPlot:
    """Dots stacked over the share of right answers, and the observer's own mark below."""

    dots: list[Dot]
    floor: float
    own_x: float
    own_percent: int

    @property
    def height(self) -> float:
        return self.floor + 110

    @property
    def label_y(self) -> float:
        return self.floor + 40

    @property
    def tick_y(self) -> float:
        return self.floor + 72

    @property
    def anchor(self) -> str:
        return "end" if self.own_x > WIDTH * 0.9 else "start" if self.own_x < 60 else "middle"


def result_plot(result: OwnResult) -> ResultPlot:
    columns = [round(share * STACKS) for share in result.others]
    floor = DOT_STEP * max(Counter(columns).values(), default=1) + 10.0
    seen: Counter[int] = Counter()
    dots = []
    for column in columns:
        seen[column] += 1
        dots.append(Dot(WIDTH * column / STACKS, floor + 4 - DOT_STEP * seen[column]))
    share = result.share_right
    return ResultPlot(dots, floor, WIDTH * share, round(100 * share))
