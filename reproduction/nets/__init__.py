"""Nets trained by published objectives, certified, and attacked: beside the published numbers."""
