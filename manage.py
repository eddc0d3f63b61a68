#!/usr/bin/env python
"""Django's command line for Roomkey."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    """Run the command that the arguments name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # Whoever starts it reads one line that names the setting; where it was read is no help.
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"Wrong configuration: {error}")


if __name__ == "__main__":
    main()
