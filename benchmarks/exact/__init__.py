"""Certificates that are computed: how fast, how near to what is sampled, and how large."""
