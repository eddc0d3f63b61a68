"""The project's settings, with ``tests.live.dying``."""

from project.settings import *  # noqa: F403 - a settings module is names
from project.settings import INSTALLED_APPS

INSTALLED_APPS += ["tests.live.dying.Dying"]
