"""How packets reach a client and come from it."""
