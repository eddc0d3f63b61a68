"""Black-box tests: clients of three kinds against a server process of its own."""
