"""Functions and triggers of the history, as statements that make them."""

from dataclasses import dataclass

#: Owns the functions; nobody signs in as it.
AUDIT_ROLE = "backoffice_audit"
APP_ROLE = "backoffice_app"


@dataclass(frozen=True)
class AuditFunction:
    """A function that the history needs, and its body as PostgreSQL stores it."""

    signature: str
    returns: str
    body: str
    #: Whether it acts as the audit role, or as the tables' owner; `is_definer` is False: as who calls it.
    is_owners: bool = False
    is_definer: bool = True
    #: Who may call it by themselves; a trigger's function needs nobody.
    callers: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.signature.partition("(")[0]

    @property
    def ddl(self) -> str:
        # UTC and a fixed search path: what is recorded must not depend on the session that writes.
        return (
            f"CREATE OR REPLACE FUNCTION {self.signature} RETURNS {self.returns} LANGUAGE plpgsql"
            f" SECURITY {'DEFINER' if self.is_definer else 'INVOKER'}"
            " SET search_path = pg_catalog, public, pg_temp SET timezone = 'UTC'"
            f" AS $audit${self.body}$audit$"
        )


@dataclass(frozen=True)
class AuditTrigger:
    """A trigger that fires for everybody, even where replication turns ordinary triggers off."""

    name: str
    table: str
    timing: str
    function: str

    @property
    def ddl(self) -> list[str]:
        return [
            f"DROP TRIGGER IF EXISTS {self.name} ON {self.table}",
            f"CREATE TRIGGER {self.name} {self._when} EXECUTE FUNCTION {self.function}()",
            f"ALTER TABLE {self.table} ENABLE ALWAYS TRIGGER {self.name}",
        ]

    @property
    def _when(self) -> str:
        return self.timing.format(table=self.table)
