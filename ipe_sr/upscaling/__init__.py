"""Upscale pictures: in memory (`enlarge`), one file or many (`pictures`, `jobs`), and as a command (`command`)."""

from ipe_sr.upscaling.enlarge import Target, super_resolve, target_size, upscale

__all__ = ["Target", "super_resolve", "target_size", "upscale"]
