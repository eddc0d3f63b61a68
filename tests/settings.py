"""The project's settings for tests: a database of their own, and quick password hashes.

DATABASE_URL chooses another one, as for the project itself. What a machine's REDIS_URL holds is
nobody's to empty: tests that need Redis name TEST_REDIS_URL, and a prefix of their own.
"""

import os
import tempfile
from pathlib import Path

os.environ.pop("REDIS_URL", None)
os.environ.setdefault("DEBUG", "0")
os.environ.setdefault("SECRET_KEY", "only-for-tests")
os.environ.setdefault("ALLOWED_HOSTS", "testserver,localhost,127.0.0.1")

from project.settings import *  # noqa: F403 -- the environment is read on import
from project.settings import DATABASES, INSTALLED_APPS

# A file, since threads share it as processes do in earnest; one for each run, since two may meet.
DATABASES["default"].setdefault("TEST", {})
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["TEST"]["NAME"] = str(
        Path(tempfile.gettempdir()) / f"roomkey-tests-{os.getpid()}.sqlite3"
    )
    # No test cuts the power.
    DATABASES["default"]["OPTIONS"]["init_command"] += "; PRAGMA synchronous=OFF"
else:
    DATABASES["default"]["TEST"]["NAME"] = f"roomkey_tests_{os.getpid()}"

# What docs/how-to shows.
INSTALLED_APPS += ["examples.courses"]

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
