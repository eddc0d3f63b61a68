"""Settings, read from the environment: docs/reference/settings.md lists each variable."""

import os
import sys
from pathlib import Path

from project.environment import (
    debug_is_default,
    keep_secret_key,
    read_choice,
    read_database,
    read_flag,
    read_list,
    read_number,
    read_redis,
    require,
)
from project.logs import FORMATS

BASE_DIR = Path(__file__).resolve().parent.parent

# --- Debug, secrets and hosts ---------------------------------------------------------------

# `runserver` reads this: a server that is open by accident stays on this machine.
DEBUG_BY_DEFAULT = debug_is_default(sys.argv, os.environ)
DEBUG = read_flag(os.environ, "DEBUG", default=DEBUG_BY_DEFAULT)

ALLOWED_HOSTS = read_list(os.environ, "ALLOWED_HOSTS")
SECRET_KEY = os.environ.get("SECRET_KEY", "")
if DEBUG:
    SECRET_KEY = SECRET_KEY or keep_secret_key(BASE_DIR / ".secret_key")
else:
    require(SECRET_KEY=SECRET_KEY, ALLOWED_HOSTS=ALLOWED_HOSTS)
# Older keys, for sessions and tokens signed before the key was changed.
SECRET_KEY_FALLBACKS = read_list(os.environ, "SECRET_KEY_FALLBACKS")

CSRF_TRUSTED_ORIGINS = read_list(os.environ, "CSRF_TRUSTED_ORIGINS")
# Networks whose forwarding headers count; realtime.conf refuses what is none.
TRUSTED_PROXIES = read_list(os.environ, "TRUSTED_PROXIES")

# --- Applications ---------------------------------------------------------------------------

INSTALLED_APPS = [
    # The engine's `runserver` wins over Daphne's, and Daphne's over that of staticfiles.
    "realtime",
    "daphne",
    # Tells `runserver` that WhiteNoise serves the static files, compressed as in production.
    "whitenoise.runserver_nostatic",
    "rooms",
    "channels",
    "csp",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "project.proxies.ForwardingMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "project.static_files.StaticFilesMiddleware",
    "project.content_security.ContentSecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "project.urls"
ASGI_APPLICATION = "project.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Data -----------------------------------------------------------------------------------

DATABASES = {
    "default": read_database(
        os.environ.get("DATABASE_URL") or f"sqlite:///{BASE_DIR / 'db.sqlite3'}"
    ),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URLS = read_redis(os.environ, "REDIS_URL")
# Redis' publish and subscribe knows no database numbers: two sites on one Redis need two names.
REDIS_PREFIX = os.environ.get("REDIS_PREFIX") or "roomkey"
if REDIS_URLS:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": REDIS_URLS, "prefix": REDIS_PREFIX},
        },
    }
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            # The layer spreads its groups over all hosts. The cache takes the first alone:
            # it reads from the others as from replicas, and these are none.
            "LOCATION": REDIS_URLS[0],
            "KEY_PREFIX": REDIS_PREFIX,
            "OPTIONS": {
                "serializer": "project.cache.JsonSerializer",
                "socket_connect_timeout": 2,
                "socket_timeout": 2,
            },
        },
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            # Tickets and counted password tries live here: strangers must not crowd them out.
            "OPTIONS": {"MAX_ENTRIES": 100_000},
        },
    }

# The engine's options. Each is also REALTIME_<NAME> in the environment, which wins.
REALTIME: dict[str, object] = {}

# --- People ---------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    # Answers user.has_perm("rooms.moderate_room", room).
    "rooms.auth_backends.RoomBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_URL = "rooms:login"
LOGIN_REDIRECT_URL = "rooms:home"

LANGUAGE_CODE = "en"
# What is translated whole: a page half in another language helps nobody.
LANGUAGES = [("en", "English")]
TIME_ZONE = "UTC"
USE_TZ = True

# --- Static files ---------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "project.static_files.CollectedStorage"},
}
WHITENOISE_ALLOW_ALL_ORIGINS = False
# Where `collectstatic` has not been run, files are served as they lie in the source.
WHITENOISE_USE_FINDERS = DEBUG or not (STATIC_ROOT / "staticfiles.json").is_file()

# --- Security -------------------------------------------------------------------------------

# A site that is reached by HTTPS alone says so; without it a plain http:// address works.
HTTPS_ONLY = read_flag(os.environ, "HTTPS_ONLY", default=False)
SECURE_SSL_REDIRECT = HTTPS_ONLY
SESSION_COOKIE_SECURE = HTTPS_ONLY
CSRF_COOKIE_SECURE = HTTPS_ONLY
SECURE_HSTS_SECONDS = read_number(
    os.environ, "HSTS_SECONDS", default=31_536_000 if HTTPS_ONLY else 0
)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if TRUSTED_PROXIES:
    # ForwardingMiddleware drops these headers where any other peer sends them.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    USE_X_FORWARDED_HOST = True
# Whether other sites of this domain may be reached by HTTP is not ours to say.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    },
}

# --- Logging --------------------------------------------------------------------------------

LOG_FORMAT = read_choice(os.environ, "LOG_FORMAT", FORMATS)
LOG_LEVEL = read_choice(os.environ, "LOG_LEVEL", ("INFO", "DEBUG", "WARNING", "ERROR"))

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"()": "project.logs.LineFormatter", "fold_tracebacks": not DEBUG},
        "json": {"()": "project.logs.JsonFormatter"},
    },
    "filters": {"client_faults": {"()": "project.logs.ClientFaults"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["client_faults"],
        },
    },
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        # Django brings handlers of its own; one place writes.
        "django": {"handlers": [], "level": "INFO"},
        "django.server": {"handlers": [], "level": "INFO", "propagate": True},
        "project": {"level": LOG_LEVEL},
        "realtime": {"level": LOG_LEVEL},
        "rooms": {"level": LOG_LEVEL},
        # Once a second with a traceback while Redis is away; the engine says it once, without.
        "channels_redis": {"level": "CRITICAL"},
    },
}
