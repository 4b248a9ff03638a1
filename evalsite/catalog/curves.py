"""Loss curves as points of a picture 600 units wide and 200 high."""

from dataclasses import dataclass

from evalsite.catalog.models import TrainingRun

WIDTH, HEIGHT = 600, 200
MOST_POINTS = 300


@dataclass(frozen=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True)
class Curves:
    """Polylines for the two losses, with the axes' labels."""

    d_loss: str
    g_loss: str
    last_d: float
    last_g: float
    y_ticks: list[Tick]
    x_ticks: list[Tick]


def loss_curves(run: TrainingRun) -> Curves | None:
    """The run's losses, thinned to what a screen can show; None before the second point."""
    points = [
        (images_seen, values["d_loss"], values["g_loss"])
        for images_seen, values in run.losses.values_list("images_seen", "values")
        if "d_loss" in values
    ]
    if len(points) < 2:
        return None
    thinned = points[:: -(-len(points) // MOST_POINTS)]
    top = max(max(d, g) for _, d, g in thinned) * 1.05 or 1.0
    total = max(run.images_total, points[-1][0])

    def line(column: int) -> str:
        pairs = (
            (WIDTH * point[0] / total, HEIGHT * (1 - max(point[column], 0.0) / top))
            for point in thinned
        )
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)

    return Curves(
        d_loss=line(1),
        g_loss=line(2),
        last_d=points[-1][1],
        last_g=points[-1][2],
        y_ticks=[Tick(HEIGHT * (1 - share), f"{top * share:.2g}") for share in (0.0, 0.5, 1.0)],
        x_ticks=[Tick(WIDTH * share, f"{int(total * share):,}") for share in (0.0, 0.5, 1.0)],
    )
