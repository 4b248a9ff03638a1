"""3×3 filters on a map that is doubled before or halved after them, at 4/9 of the cost.

Doubling a map to its nearest neighbours and taking the mean of 2×2 places are convolutions too, so
that each is folded into the filters: four products an output place where there were nine. The
function is the same, edges too, but for rounding, and so are the weights that are learnt and kept.
"""

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from generators.networks.strided import doubled, halved


class _Conv3x3(nn.Conv2d):
    def __init__(self, width: int, after: int) -> None:
        super().__init__(width, after, 3, padding=1)

    def spread(self) -> Tensor:
        """The filters after the mean of 2×2 places: (after, width, 4, 4)."""
        return avg_pool2d(self.weight, 2, stride=1, padding=1)


class DoublingConv2d(_Conv3x3):
    """Maps (N, width, H, W), doubled to their nearest neighbours, then 3×3: (N, after, 2 H, 2 W)."""

    def forward(self, maps: Tensor) -> Tensor:
        filters = 4 * self.spread().flip(2, 3).transpose(0, 1)
        return doubled(maps, filters, self.bias)


class HalvingConv2d(_Conv3x3):
    """Maps (N, width, H, W), 3×3, then the mean of 2×2 places: (N, after, H // 2, W // 2)."""

    def forward(self, maps: Tensor) -> Tensor:
        return halved(maps, self.spread(), self.bias)
