"""What a deployment can choose: environment variables named `BACKOFFICE_…`, read once at the start."""

import base64
import os
import secrets
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, PrivateAttr, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from backoffice.errors import ConfigurationError

SHORTEST_SECRET = 32
KEY_BYTES = 32
READS = ("view", "search")


class LogLevel(StrEnum):
    """How much the server tells, from the most to the least."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _postgres_url(text: str) -> str:
    try:
        url = make_url(text)
    except ArgumentError:
        url = None
    if (
        url is None
        or url.drivername not in {"postgresql", "postgres", "postgresql+asyncpg"}
        or not url.database
    ):
        raise ValueError("must be postgresql://user:password@host:port/database")
    return url.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("must be a name of the time zone database, such as Europe/Berlin") from None
    return name


def _anchor(place: str) -> str:
    url = urlsplit(place)
    if "://" in place and (url.scheme not in {"http", "https"} or not url.hostname):
        raise ValueError("must be the path of a file, or an http:// or https:// address")
    return place


def _reads(text: str) -> str:
    kinds = [kind.strip() for kind in text.split(",")]
    if kinds != ["none"] and not set(kinds) <= {*READS}:
        raise ValueError(f"must list {', '.join(READS)}, or say none")
    return ",".join(kinds)


PostgresUrl = Annotated[str, AfterValidator(_postgres_url)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
AnchorPlace = Annotated[str, AfterValidator(_anchor)]
Reads = Annotated[str, AfterValidator(_reads)]


class Settings(BaseSettings):
    """One deployment. Without a database of its own it is embedded: server and secret are in `var_dir`."""

    model_config = SettingsConfigDict(
        env_prefix="BACKOFFICE_", env_ignore_empty=True, frozen=True, extra="forbid"
    )

    database_url: PostgresUrl | None = Field(
        None,
        repr=False,
        description="PostgreSQL 15+, as the role that serves requests; unset starts an embedded server",
    )
    owner_database_url: PostgresUrl | None = Field(
        None,
        repr=False,
        description="The same database as the tables' owner; `migrate`, `seed` and `check` need it",
    )
    secret_key: SecretStr = Field(
        SecretStr(""),
        description="Signs sessions and forms, in 32 or more characters; an embedded server makes one",
    )
    audit_key: SecretStr = Field(
        SecretStr(""),
        description="Signs the history's seals: 32 random bytes in base64; an embedded server makes them",
    )
    audit_key_file: Path | None = Field(
        None, description="The file that holds such a key, instead of the former"
    )
    audit_trusted_keys: str = Field(
        "", description="Public keys, separated by commas, that signed seals before the present one"
    )
    audit_seal_seconds: int = Field(
        60, ge=0, description="The history is sealed every so many seconds while this serves; 0 is never"
    )
    audit_anchor: AnchorPlace = Field(
        "",
        repr=False,
        description="Another file, or a URL, that gets the newest seal's hash, besides the file in `var`",
    )
    record_reads: Reads = Field(
        ",".join(READS),
        description="Which reads are recorded: `view` of a record, `search` of the audit log; or `none`",
    )
    host: str = Field("127.0.0.1", description="The address to listen on")
    port: int = Field(8000, ge=1, le=65535, description="The port to listen on")
    processes: int = Field(
        1, ge=1, le=64, description="How many processes serve side by side: as many as there are processors"
    )
    forwarded_allow_ips: str = Field(
        "127.0.0.1",
        description="Proxies, separated by commas, whose word on the client's address and TLS is taken",
    )
    var_dir: Path = Field(
        Path("var"), description="The folder of everything that is kept outside the database"
    )
    attachments_dir: Path = Field(
        default_factory=lambda values: values.get("var_dir", Path("var")) / "attachments",
        description="The folder of uploaded files; `attachments` below the former unless set",
    )
    max_upload_bytes: int = Field(
        25 * 1024 * 1024, ge=1, description="The largest file that can be uploaded, in bytes"
    )
    max_import_bytes: int = Field(
        200 * 1024 * 1024, ge=1, description="The largest file that can be imported, in bytes"
    )
    time_zone: TimeZone = Field("UTC", description="Times are shown in this zone to people who chose none")
    session_hours: int = Field(12, ge=1, description="After how many hours one has to sign in again")
    trash_days: int = Field(
        30, ge=0, description="After how many days in the trash `purge-trash` deletes a record forever"
    )
    statement_timeout_ms: int = Field(
        15_000,
        ge=100,
        description="The longest that one database statement of a page may take, in milliseconds",
    )
    rows_at_once: int = Field(
        5_000, ge=1, description="An operation on more rows than this is a job, which workers do in chunks"
    )
    approval_rows: int = Field(
        0,
        ge=0,
        description="One on more rows than this waits until a second person approves it; 0: none does",
    )
    job_workers: int = Field(
        2,
        ge=0,
        le=16,
        description="How many chunks of jobs this process does at a time beside serving; 0: none",
    )
    export_rows_at_once: int = Field(
        100_000,
        ge=1,
        description="A list of more rows is exported by a job; as Excel, one of more than a fifth of that",
    )
    export_hours: int = Field(
        24, ge=1, description="For so many hours one can download what a job has exported"
    )
    log_level: LogLevel = Field(LogLevel.INFO, description="debug, info, warning or error")

    _embedded: bool = PrivateAttr(default=False)

    @model_validator(mode="after")
    def _complete_secret(self) -> Self:
        # Frozen for everybody else: this is still part of making it.
        self._embedded = self.database_url is None
        secret = self.secret_key.get_secret_value()
        if not secret and self._embedded:
            secret = _kept_secret(self.var_dir / "secret_key", secrets.token_urlsafe(48))
            object.__setattr__(self, "secret_key", SecretStr(secret))
        elif not secret:
            raise ValueError("BACKOFFICE_SECRET_KEY must be set where BACKOFFICE_DATABASE_URL is")
        elif len(secret) < SHORTEST_SECRET:
            raise ValueError(f"BACKOFFICE_SECRET_KEY must have at least {SHORTEST_SECRET} characters")
        return self

    @model_validator(mode="after")
    def _complete_audit_key(self) -> Self:
        key = self.audit_key.get_secret_value()
        if self.audit_key_file is not None:
            if key:
                raise ValueError("Set BACKOFFICE_AUDIT_KEY or BACKOFFICE_AUDIT_KEY_FILE, not both")
            key = _read_secret(self.audit_key_file)
        elif not key and self._embedded:
            key = _kept_secret(self.var_dir / "audit_key", base64.b64encode(os.urandom(KEY_BYTES)).decode())
        if key and key_bytes(key) is None:
            raise ValueError(f"BACKOFFICE_AUDIT_KEY must be {KEY_BYTES} bytes in base64")
        trusted = filter(None, map(str.strip, self.audit_trusted_keys.split(",")))
        if any(key_bytes(text) is None for text in trusted):
            raise ValueError(f"BACKOFFICE_AUDIT_TRUSTED_KEYS must be keys of {KEY_BYTES} bytes in base64")
        object.__setattr__(self, "audit_key", SecretStr(key))
        return self

    @property
    def embedded(self) -> bool:
        """Whether the database is a server of our own below `var_dir`; known also once it runs."""
        return self._embedded

    @property
    def app_url(self) -> str:
        """The database as the role that serves requests."""
        if self.database_url is None:
            raise ConfigurationError("The embedded database has not been started.")
        return self.database_url

    @property
    def owner_url(self) -> str:
        """The database as the role that owns the tables."""
        if self.owner_database_url is None:
            raise ConfigurationError(
                "Set BACKOFFICE_OWNER_DATABASE_URL: this needs the role that owns the tables."
            )
        return self.owner_database_url

    def with_database(self, *, app_url: str, owner_url: str) -> Self:
        """The same deployment, now that the embedded server listens."""
        return self.model_copy(update={"database_url": app_url, "owner_database_url": owner_url})


def load_settings(**chosen: Any) -> Settings:
    """Read the environment; `chosen` goes before it. Raises `ConfigurationError`, a line for each mistake."""
    try:
        return Settings(**chosen)
    except ValidationError as error:
        # A default that another setting's mistake kept from being worked out is not a mistake of its own.
        mistakes = [mistake for mistake in error.errors() if mistake["type"] != "default_factory_not_called"]
        raise ConfigurationError("\n".join(map(_sentence, mistakes))) from None


def _sentence(mistake: Any) -> str:
    message = str(mistake["msg"]).removeprefix("Value error, ")
    if not mistake["loc"]:
        return f"{message}."
    name = "BACKOFFICE_" + str(mistake["loc"][0]).upper()
    return f"{name} is wrong: {message[0].lower()}{message[1:]}."


def key_bytes(text: str) -> bytes | None:
    """The bytes of a key of the proof, which is written in base64; None for anything else."""
    try:
        raw = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        return None
    return raw if len(raw) == KEY_BYTES else None


def _read_secret(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise ValueError(f"BACKOFFICE_AUDIT_KEY_FILE must be a file that can be read: {error}") from None


def _kept_secret(path: Path, new: str) -> str:
    try:
        if not path.exists():
            _make_secret(path, new)
        return path.read_text().strip()
    except OSError as error:
        raise ValueError(f"BACKOFFICE_VAR_DIR must be a folder of yours: {error}") from None


def _make_secret(path: Path, secret: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode=0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret)
    # Of two commands that start together the first one's secret stays.
    with suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()
