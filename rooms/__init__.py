"""Rooms: the registry, its permissions, and the namespace that serves them."""
