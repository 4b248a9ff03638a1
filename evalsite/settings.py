"""Settings for every installation: only the environment (or a .env file beside manage.py) differs."""

import os
import tempfile
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import dj_database_url
from csp.constants import NONE, SELF, UNSAFE_INLINE
from django.contrib.messages import constants as messages
from django.core.exceptions import ImproperlyConfigured
from dotenv import load_dotenv

from evalsite.environment import Environment

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read by onnxruntime when it is imported

BASE_DIR = Path(__file__).resolve().parent.parent

load_dotenv(
    BASE_DIR / ".env"
)  # into the environment, which the metrics and the pool stores read too
env = Environment()

# What is kept: database, pools, files, the broker's log. Everything under one folder by default.
DATA_DIR = Path(env.text("UNCANNY_DATA_DIR", str(BASE_DIR / "var"))).resolve()
POOL_STORE = env.text(
    "UNCANNY_POOL_STORE", str(DATA_DIR / "pools")
)  # a folder, or s3://… by fsspec
MEDIA_ROOT = DATA_DIR / "files"
FEATURES_DIR = Path(env.text("UNCANNY_FEATURES_DIR", str(DATA_DIR / "features"))).resolve()

# Read by the metrics, which know no settings: published weights, uploaded or fetched once.
os.environ["UNCANNY_WEIGHTS_DIR"] = env.text("UNCANNY_WEIGHTS_DIR", str(DATA_DIR / "weights"))

SECRET_KEY = env.required(
    "SECRET_KEY", "`make run` writes one into .env, or give it in the environment"
)
DEBUG = env.truth("DEBUG", False)
ALLOWED_HOSTS = env.listed("ALLOWED_HOSTS", ["*"] if DEBUG else ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.listed("CSRF_TRUSTED_ORIGINS", [])
HTTPS = env.truth("UNCANNY_HTTPS", False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
CONTENT_SECURITY_POLICY = {  # scripts are files of the site's own; where forms lead is a platform's to say
    "DIRECTIVES": {
        "default-src": [SELF],
        "style-src": [SELF, UNSAFE_INLINE],  # where a bar begins is written on it
        "img-src": [SELF, "data:", "blob:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None

INSTALLED_APPS = [
    "evalsite",
    "evalsite.home",
    "evalsite.play",
    "evalsite.lab",
    "evalsite.leaderboard",
    "evalsite.studies",
    "evalsite.catalog",
    "evalsite.accounts",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_htmx",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "evalsite.studies.language.AnnotatorLocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "evalsite.urls"
WSGI_APPLICATION = "evalsite.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "evalsite.studies.language.frame",
            ],
        },
    },
]

_database_url = env.text("DATABASE_URL", f"sqlite:///{quote(str(DATA_DIR / 'uncanny.sqlite3'))}")
try:
    DATABASES = {"default": dj_database_url.parse(_database_url, conn_max_age=60)}
except ValueError as error:  # which may repeat the password
    raise ImproperlyConfigured(
        "DATABASE_URL must be such as postgresql://user:password@host/name, or absent for SQLite"
    ) from error
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A read that becomes a write must queue for the lock, not fail: hence IMMEDIATE.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "generators"
LOGOUT_REDIRECT_URL = "home"
SIGNUP_OPEN = env.truth("UNCANNY_SIGNUP_OPEN", True)

# Without a mail server, mails are printed in the log of the web process.
EMAIL_HOST = env.text("EMAIL_HOST", "")
EMAIL_PORT = env.number("EMAIL_PORT", 587, most=65_535)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.truth("EMAIL_USE_TLS", True)
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console'}.EmailBackend"
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "uncanny@localhost")


def _broker_socket() -> Path:
    """Where the embedded broker listens; a socket's path must stay under 108 characters."""
    path = DATA_DIR / "broker" / "broker.sock"
    if len(str(path)) < 100:
        return path
    digest = sha256(str(DATA_DIR).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"uncanny-{digest}" / "broker.sock"


BROKERS = ("redis://", "rediss://", "redis+socket://")
BROKER_SOCKET = _broker_socket()
BROKER_URL = env.text("BROKER_URL", f"redis+socket://{quote(str(BROKER_SOCKET))}?virtual_host=0")
if not BROKER_URL.startswith(BROKERS):
    raise ImproperlyConfigured(f"BROKER_URL must begin with {' or '.join(BROKERS)}")
BROKER_IS_EMBEDDED = not os.environ.get("BROKER_URL")

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 60
STATICFILES_DIRS = [BASE_DIR / "evalsite" / "static"]

TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
LANGUAGE_CODE = "en"  # researchers' pages; those for people who take part follow their browser
LANGUAGES = [
    ("en", "English"),
    ("es", "Español"),
    ("fr", "Français"),
    ("ar", "العربية"),
    ("hi", "हिन्दी"),
    ("zh-hans", "简体中文"),
]
LANGUAGE_COOKIE_AGE = 31_536_000
LOCALE_PATHS = [BASE_DIR / "locale"]

# Every upload goes to disk: a generator or an archive may be large, and is looked at before it is kept.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
UPLOAD_MAX_MB = env.number("UNCANNY_UPLOAD_MAX_MB", 2048)
ONNX_MAX_MB = env.number("UNCANNY_ONNX_MAX_MB", 512)
ONNX_TIMEOUT_S = env.number("UNCANNY_ONNX_TIMEOUT_S", 600)
ONNX_MEMORY_MB = env.number("UNCANNY_ONNX_MEMORY_MB", 4096)
INSECURE_SANDBOX = env.truth("UNCANNY_INSECURE_SANDBOX", False)

# What pools are measured with; a network whose weights are not at hand is left out.
METRIC_EXTRACTORS = env.listed("UNCANNY_METRIC_EXTRACTORS", ["lite0", "tf1", "clean"])
# Images whose features one worker computes at a time; an eighth of it with large networks.
RANGE_IMAGES = env.number("UNCANNY_RANGE_IMAGES", 1000)

MESSAGE_TAGS = {messages.ERROR: "error", messages.SUCCESS: "success"}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": env.level("LOG_LEVEL", "INFO")},
    "loggers": {"django.request": {"level": "ERROR"}},
}

env.refuse_unread(os.environ)
