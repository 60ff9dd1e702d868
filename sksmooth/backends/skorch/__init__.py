"""Nets of skorch: how they are trained under noise, and how they vote."""

from .backend import SkorchBackend, is_binary, shared_dtype

__all__ = ["SkorchBackend", "is_binary", "shared_dtype"]
