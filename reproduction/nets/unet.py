"""A small diffusion model of images of 28 x 28 pixels."""

import math

import torch
from torch import nn

__all__ = ["SmallUNet", "cosine_schedule"]


def cosine_schedule(steps: int = 1000) -> torch.Tensor:
    """Return the cumulative products of the cosine schedule, arXiv:2102.09672, section 3.2."""
    ends = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    level = torch.cos((ends + 0.008) / 1.008 * math.pi / 2) ** 2
    alphas = (level[1:] / level[:-1]).clamp(min=0.001)
    return alphas.cumprod(dim=0)


class _Block(nn.Module):
    """Two convolutions, told the time, beside a direct way."""

    def __init__(self, n_in: int, n_out: int, n_time: int) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.GroupNorm(8, n_in), nn.SiLU(), nn.Conv2d(n_in, n_out, 3, padding=1)
        )
        self.time = nn.Linear(n_time, n_out)
        self.second = nn.Sequential(
            nn.GroupNorm(8, n_out), nn.SiLU(), nn.Conv2d(n_out, n_out, 3, padding=1)
        )
        nn.init.zeros_(self.second[-1].weight)
        self.direct = nn.Identity() if n_in == n_out else nn.Conv2d(n_in, n_out, 1)

    def forward(self, X: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        inner = self.first(X) + self.time(time)[:, :, None, None]
        return self.direct(X) + self.second(inner)


class SmallUNet(nn.Module):
    """Finds the noise in images at a step of a schedule; about 0.3 million parameters.

    It works on 14 x 14 blocks of four pixels, and below on 7 x 7.
    """

    def __init__(self, width: int = 48, n_time: int = 96) -> None:
        super().__init__()
        wide = 64
        self.register_buffer("periods", torch.exp(-torch.arange(32) / 32 * math.log(10_000)))
        self.time = nn.Sequential(
            nn.Linear(64, n_time), nn.SiLU(), nn.Linear(n_time, n_time), nn.SiLU()
        )
        self.enter = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4, width, 3, padding=1))
        self.down = _Block(width, width, n_time)
        self.shrink = nn.Conv2d(width, wide, 3, stride=2, padding=1)
        self.middle = nn.ModuleList([_Block(wide, wide, n_time) for _ in range(2)])
        self.grow = nn.Upsample(scale_factor=2)
        self.up = _Block(wide + width, width, n_time)
        self.leave = nn.Sequential(
            nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, 4, 3, padding=1), nn.PixelShuffle(2)
        )

    def forward(self, X: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return the noise that is in X, as far as it can be told."""
        angles = t[:, None] * self.periods
        time = self.time(torch.cat([angles.sin(), angles.cos()], dim=1).to(X.dtype))
        above = self.down(self.enter(X), time)
        below = self.shrink(above)
        for block in self.middle:
            below = block(below, time)
        return self.leave(self.up(torch.cat([self.grow(below), above], dim=1), time))
