"""A small server to which official conformance suites and real clients are pointed."""
