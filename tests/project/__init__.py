"""Set-up, settings and the answers about health."""
