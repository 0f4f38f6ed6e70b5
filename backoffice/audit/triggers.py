"""The triggers that write the change history, and the functions behind them.

They are installed by `migrate`, and compared with the models at every start (`drift`).
"""

import re
from collections.abc import Iterator

from sqlalchemy import Connection, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from backoffice.audit.capture import audited_tables, capture
from backoffice.audit.definitions import AUDIT_ROLE, AuditFunction, AuditTrigger
from backoffice.audit.functions import APPEND_ONLY, BLANK_OPERATIONS, EVENT, GUARD, READS, REDACT
from backoffice.audit.months import (
    GUARD_PARTITIONS,
    MONTHS_AHEAD,
    PARTITION,
    PARTITIONS,
    STRAYS,
    SUMMARIZE,
    UNGUARDED,
)
from backoffice.audit.transactions import go_on_after

#: What is only ever added to. (The partitions of the first as well, each by a guard of its own.)
APPEND_ONLY_TABLES = ("audit_logs", "audit_seals", "audit_removals")


def functions() -> list[AuditFunction]:
    """All functions of the history: one per audited table, and those that keep it."""
    return [
        GUARD,
        EVENT,
        READS,
        REDACT,
        BLANK_OPERATIONS,
        PARTITION,
        PARTITIONS,
        STRAYS,
        SUMMARIZE,
        *(capture(table) for table in audited_tables()),
    ]


def triggers() -> list[AuditTrigger]:
    """All triggers of the history: a capture and a guard per audited table, and guards of its own tables.

    Partitions of the history have a guard each, which is made with them.
    """
    return [
        *(AuditTrigger("audit_guard", name, APPEND_ONLY, GUARD.name) for name in APPEND_ONLY_TABLES),
        *(trigger for table in audited_tables() for trigger in _triggers_of(table)),
    ]


def install(connection: Connection) -> None:
    """Bring functions and triggers in line with the models. `connection` is the tables' owner's."""
    for statement in _installation():
        connection.exec_driver_sql(statement)
    go_on_after(connection)


async def drift(connection: AsyncConnection) -> list[str]:
    """What differs between the models and the database, a sentence each; empty when nothing does."""
    return [
        *await _function_drift(connection),
        *await _trigger_drift(connection),
        *(
            f"The partition {name} of the history has no guard."
            for name in await connection.scalars(
                text(f"SELECT inhrelid::regclass::text FROM ({UNGUARDED}) AS unguarded (inhrelid)")
            )
        ),
    ]


_NEVER_EMPTIED = "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"
_EVERY_ROW = "AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW"


def _triggers_of(table: Table) -> list[AuditTrigger]:
    return [
        AuditTrigger("audit_capture", table.name, _EVERY_ROW, capture(table).name),
        AuditTrigger("audit_guard", table.name, _NEVER_EMPTIED, GUARD.name),
    ]


def _installation() -> Iterator[str]:
    for function in functions():
        yield from _function(function)
    for trigger in triggers():
        yield from trigger.ddl
    yield GUARD_PARTITIONS
    yield f"SELECT audit_partitions_ahead({MONTHS_AHEAD})"


def _function(function: AuditFunction) -> Iterator[str]:
    if not function.is_owners:
        yield f"SET LOCAL ROLE {AUDIT_ROLE}"
    yield function.ddl
    yield f"REVOKE ALL ON FUNCTION {function.signature} FROM PUBLIC"
    for role in ("SESSION_USER", *function.callers):
        yield f"GRANT EXECUTE ON FUNCTION {function.signature} TO {role}"
    if not function.is_owners:
        yield "RESET ROLE"


async def _function_drift(connection: AsyncConnection) -> list[str]:
    rows = await connection.execute(
        text(
            "SELECT proname, prosrc, prosecdef, proowner = relowner AS is_owners,"
            " pg_get_userbyid(proowner) = :audit_role AS is_audit_roles"
            " FROM pg_proc, pg_class WHERE pronamespace = 'public'::regnamespace"
            " AND proname LIKE 'audit\\_%' AND pg_class.oid = 'public.audit_logs'::regclass"
        ),
        {"audit_role": AUDIT_ROLE},
    )
    found = {row.proname: row for row in rows}
    findings = []
    for function in functions():
        row = found.get(function.name)
        if row is None:
            findings.append(f"The function {function.name} is missing.")
        elif (
            row.prosrc != function.body
            or row.prosecdef != function.is_definer
            or not (row.is_owners if function.is_owners else row.is_audit_roles)
        ):
            findings.append(f"The function {function.name} is not what the models ask for.")
    return findings


async def _trigger_drift(connection: AsyncConnection) -> list[str]:
    rows = await connection.execute(
        text(
            "SELECT tgrelid::regclass::text AS on_table, tgname, tgenabled = 'A' AS is_always,"
            " pg_get_triggerdef(oid) AS definition FROM pg_trigger"
            " WHERE NOT tgisinternal AND tgname LIKE 'audit\\_%'"
        )
    )
    found = {(row.on_table, row.tgname): row for row in rows}
    findings = []
    for trigger in triggers():
        row = found.get((trigger.table, trigger.name))
        if row is None:
            findings.append(f"The trigger {trigger.name} on {trigger.table} is missing.")
        elif not (row.is_always and _is_as_made(row.definition, trigger)):
            findings.append(f"The trigger {trigger.name} on {trigger.table} is switched off or replaced.")
    return findings


def _is_as_made(definition: str, trigger: AuditTrigger) -> bool:
    """Whether it fires when it should, always, and for what it should."""
    made = _DEFINITION.fullmatch(definition)
    asked = _TIMING.match(trigger.timing)
    if made is None or asked is None:
        return False
    return (
        made["moment"] == asked["moment"]
        and set(made["events"].split(" OR ")) == set(asked["events"].split(" OR "))
        and made["each"] == asked["each"]
        and made["function"] == trigger.function
    )


_TIMING = re.compile(r"(?P<moment>BEFORE|AFTER) (?P<events>[A-Z ]+) ON \S+ FOR EACH (?P<each>ROW|STATEMENT)")
# With a condition, or for some columns only, it is another one.
_DEFINITION = re.compile(
    rf"CREATE TRIGGER \S+ {_TIMING.pattern} EXECUTE FUNCTION (?:public\.)?(?P<function>\w+)\(\)"
)
