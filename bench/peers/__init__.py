"""Servers to compare with. Each answers ``joinRoom``, ``relay``, ``echo`` and ``about``."""
