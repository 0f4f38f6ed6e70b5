"""A verb over many rows at once: counted before it runs, run in one transaction, counted again.

Nothing here knows what the rows are: a `BulkVerb` says which rows it refuses, which already are as it
would make them, and how it changes the others.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVarTuple, cast

from sqlalchemy import BigInteger, Case, ColumnElement, Select, case, func, inspect, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.elements import Grouping

from backoffice.audit.context import current_change
from backoffice.database.trash import INCLUDE_TRASHED
from backoffice.errors import BadInput
from backoffice.keys import is_key
from models import Base

#: A statement that yields the primary keys of what is to be changed: ticked rows, or a filtered list.
Selection = Select[int]

Columns = TypeVarTuple("Columns")

_CHANGES = -1
_ALREADY = -2

#: Why a row was left alone that nothing refused.
ALREADY_SO: Final = "already so"


@dataclass(frozen=True)
class Counts:
    """How many rows of a selection change, how many already are so, how many are refused and why."""

    changed: int = 0
    unchanged: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return self.changed + self.unchanged + sum(self.refused.values())

    def as_json(self) -> dict[str, Any]:
        return {"changed": self.changed, "unchanged": self.unchanged, "refused": dict(self.refused)}

    def __add__(self, other: "Counts") -> "Counts":
        reasons = [*self.refused, *(reason for reason in other.refused if reason not in self.refused)]
        return Counts(
            self.changed + other.changed,
            self.unchanged + other.unchanged,
            {reason: self.refused.get(reason, 0) + other.refused.get(reason, 0) for reason in reasons},
        )


@dataclass(frozen=True)
class Verdicts:
    """The keys of the rows that were changed, of those that were so already, and of the refused by reason."""

    changed: Sequence[int]
    unchanged: Sequence[int]
    refused: Mapping[str, Sequence[int]]

    @property
    def counts(self) -> Counts:
        refused = {reason: len(ids) for reason, ids in self.refused.items()}
        return Counts(len(self.changed), len(self.unchanged), refused)

    @property
    def left_alone(self) -> dict[str, Sequence[int]]:
        """The rows that were not changed, by the reason why."""
        already = {ALREADY_SO: self.unchanged} if self.unchanged else {}
        return {**already, **self.refused}


@dataclass(frozen=True, kw_only=True)
class BulkVerb:
    """What is done to a set of rows.

    `refusals` maps a reason, which completes "12 rows are …", to its condition; the first that is
    true of a row counts. `already` is true of rows that are as the verb would make them. `apply`
    changes the rows that are left, all at once, and is never called for none.

    Rows in the trash take part if the selection includes them (`INCLUDE_TRASHED`), or always where
    `sees_trash`. `hold` locks what the rows hang on before the rows themselves are locked: whoever
    locks several tables goes from parents to children, so that nobody waits in a circle.
    """

    model: type[Base]
    already: ColumnElement[bool]
    apply: Callable[[AsyncSession, Selection], Awaitable[None]]
    refusals: Mapping[str, ColumnElement[bool]] = field(default_factory=dict)
    sees_trash: bool = False
    hold: Callable[[AsyncSession, Selection], Awaitable[None]] | None = None


def keys(values: Iterable[str]) -> list[int]:
    """Primary keys as a request gives them, each once, in their order; BadInput for anything else."""
    return list(dict.fromkeys(_key(value) for value in values))


def chosen(ids: Iterable[int]) -> Selection:
    """The selection of these rows, trashed ones too. However many they are, they are one parameter."""
    array = literal(list(ids), ARRAY(BigInteger))
    return select(func.unnest(array).column_valued("chosen_id")).execution_options(**INCLUDE_TRASHED)


async def preview(session: AsyncSession, verb: BulkVerb, selection: Selection) -> Counts:
    """What `run` would count, in one query that locks and changes nothing."""
    verdict = _verdict(verb).label("verdict")
    statement = _of_the_selected(verb, selection, select(verdict, func.count().label("rows"))).group_by(
        verdict
    )
    found = await session.execute(statement)
    return _counts(verb, {row.verdict: row.rows for row in found})


async def run(session: AsyncSession, verb: BulkVerb, selection: Selection) -> Counts:
    """Change every selected row that `verb` does not refuse, and note the counts in the operation.

    The rows are locked first, in the order of their keys, and judged as they are then: whatever
    others did meanwhile counts, and nothing can change between judging and changing. Objects that the
    session had loaded before keep their old values until they are refreshed.
    """
    counts = (await run_each(session, verb, selection)).counts
    current_change().outcome |= counts.as_json()
    return counts


async def run_each(session: AsyncSession, verb: BulkVerb, selection: Selection) -> Verdicts:
    """The same, told row by row, and noted nowhere."""
    await session.flush()
    if verb.hold is not None:
        await verb.hold(session, selection)
    locked = await lock(session, verb.model, selection, sees_trash=verb.sees_trash)
    verdicts = await _judge(session, verb, chosen(locked), _ids(verb))
    if verdicts.changed:
        await verb.apply(session, chosen(verdicts.changed))
    return verdicts


async def first_of_each(session: AsyncSession, verb: BulkVerb, selection: Selection, count: int) -> Verdicts:
    """The first keys of each verdict, at most `count`, in one query that locks and changes nothing."""
    in_order: Any = Grouping(_ids(verb).aggregate_order_by(_primary_key(verb.model)))
    return await _judge(session, verb, selection, in_order[1:count])


async def lock(
    session: AsyncSession,
    model: type[Base],
    selection: Selection,
    *,
    sees_trash: bool = False,
    shared: bool = False,
) -> list[int]:
    """Lock the selected rows of `model` until the transaction ends; their keys, in order.

    Everybody locks in this order, so that two who want the same rows wait for each other in turn.
    `shared` only keeps others from changing them.
    """
    key = _primary_key(model)
    statement = select(key).where(key.in_(selection.correlate(None))).order_by(key)
    found = await session.scalars(
        statement.with_for_update(of=model, read=shared),
        execution_options=INCLUDE_TRASHED if sees_trash else selection.get_execution_options(),
    )
    return list(found)


async def _judge(
    session: AsyncSession, verb: BulkVerb, selection: Selection, ids: ColumnElement[Any]
) -> Verdicts:
    """`ids` of the rows of each verdict."""
    verdict = _verdict(verb).label("verdict")
    statement = _of_the_selected(verb, selection, select(verdict, ids.label("ids"))).group_by(verdict)
    judged = {row.verdict: row.ids for row in await session.execute(statement)}
    refused = {reason: judged[number] for number, reason in enumerate(verb.refusals) if number in judged}
    return Verdicts(judged.get(_CHANGES, []), judged.get(_ALREADY, []), refused)


def _ids(verb: BulkVerb) -> Any:
    return func.array_agg(_primary_key(verb.model), type_=ARRAY(BigInteger))


def _of_the_selected(verb: BulkVerb, selection: Selection, statement: Select[*Columns]) -> Select[*Columns]:
    options = INCLUDE_TRASHED if verb.sees_trash else selection.get_execution_options()
    key = _primary_key(verb.model)
    return (
        statement.select_from(verb.model)
        .where(key.in_(selection.correlate(None)))
        .execution_options(**options)
    )


def _verdict(verb: BulkVerb) -> Case[int]:
    """Per row: the number of the reason to refuse it, or that it already is so, or that it changes."""
    refused = [(condition, number) for number, condition in enumerate(verb.refusals.values())]
    return case(*refused, (verb.already, _ALREADY), else_=_CHANGES)


def _counts(verb: BulkVerb, found: Mapping[int, int]) -> Counts:
    reasons = {reason: found[number] for number, reason in enumerate(verb.refusals) if number in found}
    return Counts(found.get(_CHANGES, 0), found.get(_ALREADY, 0), reasons)


def _primary_key(model: type[Base]) -> InstrumentedAttribute[int]:
    mapper = inspect(model)
    return cast(
        InstrumentedAttribute[int], mapper.get_property_by_column(mapper.primary_key[0]).class_attribute
    )


def _key(value: str) -> int:
    if not is_key(value):
        raise BadInput("One of the chosen rows has a key that no row can have.")
    return int(value)
