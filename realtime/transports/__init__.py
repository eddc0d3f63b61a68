"""Bytes over ASGI: how packets reach a client and come from it."""
