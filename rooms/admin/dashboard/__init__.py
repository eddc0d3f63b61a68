"""The dashboard: what is going on now, in numbers that lead to their rows."""
