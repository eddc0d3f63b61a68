"""Roomkey as the benchmark runs it: the whole product, and a few events that peers have too."""
