"""Prepares its own process, then becomes the command: it ends with its parent, on any core."""

import os
import sys

from bench.launch import die_with_parent, raise_open_files


def main() -> None:
    """Prepare, then exec; never returns."""
    die_with_parent()
    raise_open_files()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - the program's own command line


if __name__ == "__main__":
    main()
