"""What is lost, doubled or reordered while something breaks: ``python -m bench.faults <name>``."""
