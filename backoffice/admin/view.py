"""A declared page of the sidebar: what a model's list, forms and details show, and who may do what.

A view is a class of attributes; what two views share is here or in the module that reads the
attribute (`listing`, `forms`, `bulk`, `details`). A declaration that cannot work is refused when the
view is added, with the mend in the message.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, final

from sqladmin import ModelView
from sqlalchemy import ColumnElement, Select, bindparam, inspect, select
from sqlalchemy.orm import InstrumentedAttribute
from starlette.requests import Request

from backoffice.accounts.sessions import CurrentUser
from backoffice.admin.bulk import BulkAction
from backoffice.admin.bulk_edit import check_bulk_edit
from backoffice.admin.cells import CellMaker, cell_maker, key_of, kind_of, loading_options, title_of
from backoffice.admin.export_columns import check_export
from backoffice.admin.filters import Filter
from backoffice.admin.forms import ExtraField, Section, check_form
from backoffice.admin.indexes import check_indexes
from backoffice.admin.layout import check_columns
from backoffice.admin.pages import Cell, Kind, Link
from backoffice.admin.pickers import Picker
from backoffice.admin.questions import FieldKind
from backoffice.audit.browse import Entry, Place, history_of
from backoffice.database import INCLUDE_TRASHED
from backoffice.errors import ConfigurationError, NotAllowed, NotFound
from backoffice.keys import is_key
from backoffice.searching import Search
from models import Base, Trashable

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite

#: SQLAdmin's own switches, by the action that they turn off for everybody.
_SWITCHES = {
    "create": "can_create",
    "edit": "can_edit",
    "details": "can_view_details",
    "delete": "can_delete",
    "export": "can_export",
}


#: Whoever has it shares saved views of the list with everybody who may see it.
SHARE_VIEWS: Final = "share-views"


class View(ModelView):
    """Base of all declared pages. Attributes beyond SQLAdmin's own:"""

    model: ClassVar[type[Base]]
    _admin_ref: ClassVar["AdminSite"]

    #: Whether its table never has more than some thousands of rows: no index need serve its list.
    stays_small: ClassVar[bool] = False
    page_size = 25
    page_size_options: ClassVar[Sequence[int]] = (25, 50, 100)
    can_delete = False

    #: How columns are shown, where the column's own type does not tell.
    column_kinds: ClassVar[Mapping[str, Kind]] = {}
    #: Makes the cells of a column whose stored value is not what people want to read.
    cells: ClassVar[Mapping[str, Callable[["View", Request, Any], Cell]]] = {}
    #: What a record's page leaves out where there is nothing.
    optional_facts: ClassVar[Sequence[str]] = ("deleted_at",)
    #: What the list may show beside its columns, for who chooses it.
    more_columns: ClassVar[Sequence[str]] = ()
    #: What stands above the list; each is in the URL by its name.
    filters: ClassVar[Sequence[Filter]] = ()
    #: Which rows a search term finds; None: the list has no search field.
    search_hint: ClassVar[str] = ""
    #: The form, from top to bottom.
    form_sections: ClassVar[Sequence[Section]] = ()
    #: What a field asks for, where the column's own type does not tell.
    form_kinds: ClassVar[Mapping[str, FieldKind]] = {}
    #: A sentence below a field.
    form_hints: ClassVar[Mapping[str, str]] = {}
    #: At most so many characters, where that is not the column's length.
    form_limits: ClassVar[Mapping[str, int]] = {}
    #: Fields that are no columns, such as a new password: what they hold goes to `before_save`.
    extra_fields: ClassVar[Mapping[str, ExtraField]] = {}
    #: Relations that extra fields and `before_save` need loaded.
    form_relations: ClassVar[Sequence[str]] = ()
    #: Asynchronous selects, by the name of the relationship.
    pickers: ClassVar[Mapping[str, Picker]] = {}
    #: What an export has, where that is not what the list shows.
    export_columns: ClassVar[Sequence[str]] = ()
    #: Fields of the form that are edited in the list, too, if the list shows them.
    edit_in_place: ClassVar[Sequence[str]] = ()
    #: Fields of the form that can be edited in many rows at once, by an `EditAction` among the bulk actions.
    bulk_edit_fields: ClassVar[Sequence[str]] = ()
    #: What can be done to ticked rows.
    bulk_actions: ClassVar[Sequence[BulkAction]] = ()
    #: What an empty list says.
    empty_title: ClassVar[str] = "Nothing here yet"
    empty_text: ClassVar[str] = ""

    #: Grants of this page beside the usual ones and its bulk actions: slug and label.
    grants: ClassVar[Mapping[str, str]] = {}
    #: The identity of the page whose grants count here, too; empty: it has grants of its own.
    granted_by: ClassVar[str] = ""
    #: What the sidebar calls it, where that is not its plural, and to which of its pages it leads.
    menu_label: ClassVar[str] = ""
    menu_page: ClassVar[str] = "list"
    #: The identity of the page that stands for it in the sidebar, where it has no place of its own.
    menu_under: ClassVar[str] = ""
    #: Exposed routes that take files, by the name of their method.
    takes_files: ClassVar[Sequence[str]] = ()
    #: Models whose records belong to one of this page: their changes are told with its own.
    child_models: ClassVar[Sequence[type[Base]]] = ()
    #: Whether it goes on record who looked at a record, and who searched or filtered the list.
    views_on_record: ClassVar[bool] = False
    searches_on_record: ClassVar[bool] = False
    #: Whether a record's page shows its changes.
    keeps_history: ClassVar[bool] = True
    #: Fields that are not restored from the history, each with the reason.
    never_restored: ClassVar[Mapping[str, str]] = {}
    #: What it takes to bring back what was deleted forever; empty: nobody can, and this is why.
    bring_back_grant: ClassVar[str] = ""
    never_brought_back: ClassVar[str] = "This is not brought back: make it anew."

    list_template = "list.html"
    form_template: ClassVar[str] = "form.html"
    details_template = "details.html"

    def __init__(self) -> None:
        super().__init__()
        # SQLAdmin's matrix of grants offers a box for each of these.
        granted = {action.slug: action.label for action in self.bulk_actions if not action.grant}
        self._custom_actions_in_list = {**granted, **self.grants, SHARE_VIEWS: "Share views"}
        self._check()

    @property
    def site(self) -> "AdminSite":
        """The site that this view was added to."""
        return self._admin_ref

    # Rows ---------------------------------------------------------------------------------------

    @property
    def has_trash(self) -> bool:
        return issubclass(self.model, Trashable)

    @property
    def key(self) -> InstrumentedAttribute[Any]:
        """The model's one primary-key column."""
        attribute: InstrumentedAttribute[Any] = getattr(self.model, inspect(self.model).primary_key[0].name)
        return attribute

    def scope(self, user: CurrentUser) -> ColumnElement[bool] | None:
        """Which rows `user` may know of at all; None: every one."""
        return None

    def search(self, term: str) -> ColumnElement[bool] | None:
        """Which rows `term` finds; None: this list has no search."""
        return None

    async def find(self, request: Request, term: str) -> Search | None:
        """What `term` finds, in which order, and where in a row; None: this list has no search."""
        condition = self.search(term)
        return None if condition is None else Search(condition)

    def palette(self, term: str) -> Search | None:
        """What `term` finds in the palette, by the record's own columns; None: its records are not there."""
        return None

    @final
    def rows(self, user: CurrentUser) -> Select[Any]:
        """The rows that `user` may know of, live ones unless the caller asks for the trash: see `scope`."""
        scope = self.scope(user)
        statement = select(self.model)
        return statement if scope is None else statement.where(scope)

    def parse_key(self, raw: str) -> Any:
        """The primary key that a URL names; NotFound for what cannot be one."""
        if not is_key(raw):
            raise NotFound(f"There is no {self.name.lower()} “{raw[:40]}”.")
        return int(raw)

    async def load(self, request: Request, raw_key: str, names: Sequence[str] = ()) -> Any:
        """The record at `raw_key`, trashed or not, with the relations among `names` loaded; or NotFound."""
        statement, scope = _by_key(self.model, self.key, tuple(names)), self.scope(request.state.user)
        if scope is not None:
            statement = statement.where(scope)
        found = await request.state.session.scalars(statement, {"wanted": self.parse_key(raw_key)})
        record = found.unique().one_or_none()
        if record is None:
            raise NotFound(f"There is no {self.name.lower()} {raw_key[:40]}.")
        return record

    # Rights -------------------------------------------------------------------------------------

    def may(self, request: Request, action: str, record: Any = None) -> bool:
        """Whether the one who asks may do `action` here (to `record`, where one is given)."""
        return self._is_switched_on(action) and self.has_permission(request, action, record)

    def require(self, request: Request, action: str, record: Any = None) -> None:
        """Raise NotAllowed unless `may` says yes."""
        if not self.may(request, action, record):
            raise NotAllowed("You are not allowed to do this.")

    def has_permission(self, request: Request, action: str, obj: Any = None) -> bool:
        """SQLAdmin's question, too: asked of the page that `granted_by` names."""
        identity = self.granted_by or self.identity
        return self._authorization_backend().has_permission(request, identity, action, obj)

    def _is_switched_on(self, action: str) -> bool:
        return action not in _SWITCHES or bool(getattr(self, _SWITCHES[action]))

    # Files --------------------------------------------------------------------------------------

    @property
    def upload_limit(self) -> int:
        """The largest file that its pages take, in bytes."""
        return self.site.settings.max_upload_bytes

    # Words --------------------------------------------------------------------------------------

    def title(self, record: Any) -> str:
        """What a record's page is called."""
        return title_of(record)

    def detail(self, record: Any) -> str:
        """What tells a record from others of its title, in the palette."""
        return ""

    def label(self, name: str) -> str:
        """What a column or relationship is called."""
        return self._column_labels.get(name) or name.replace("_", " ").capitalize()

    def cell_maker(self, request: Request, name: str) -> CellMaker:
        """Makes the cells of one column, as declared or as its type tells."""
        if name in self.cells:
            made = self.cells[name]
            return lambda record: made(self, request, record)
        kind = kind_of(self.model, name, self.column_kinds)
        return cell_maker(self.site, request, self.model, name, kind)

    def noun(self, count: int) -> str:
        """`ticket` or `tickets`, for a sentence."""
        return (self.name if count == 1 else self.name_plural).lower()

    # What a view may add ------------------------------------------------------------------------

    def record_actions(self, request: Request, record: Any) -> list[Link]:
        """Further things that can be done from the record's page."""
        return []

    async def history(
        self, request: Request, record: Any, *, limit: int, before: Place | None
    ) -> list[Entry]:
        """The newest entries of the record's history, those before a place if one is given."""
        shown = (model for model in self.child_models if self._shows_all(request, model))
        return await history_of(
            request.state.session,
            self.model.__tablename__,
            key_of(record),
            limit=limit,
            before=before,
            below=[Base.metadata.tables[model.__tablename__] for model in shown],
        )

    def _shows_all(self, request: Request, model: type[Base]) -> bool:
        """Whether this person may see every record of a model."""
        view = self.site.view_of(model)
        return view is not None and view.may(request, "details") and view.scope(request.state.user) is None

    async def list_extra(self, request: Request) -> Mapping[str, Any]:
        """What stands around the list, for a template of the view's own."""
        return {}

    async def details_extra(self, request: Request, record: Any) -> Mapping[str, Any]:
        """What the record's page shows beyond its facts, for a template of the view's own."""
        return {}

    def why_not_bring_back(self, values: Mapping[str, Any]) -> str:
        """Why a deleted record with these values, by column, stays away; empty where it may come back."""
        return ""

    def form_names(self, request: Request, record: Any) -> set[str]:
        """The fields of the form that this person may see and change; `record` is None for a new one."""
        return {name for section in self.form_sections for name in section.fields}

    async def before_save(
        self, request: Request, record: Any, values: dict[str, Any], *, is_new: bool
    ) -> None:
        """Check or complete a save before it is written; a BackofficeError refuses it.

        `values` are what is about to be set, by field: all of a new record, what changed of an old one. Those
        of extra fields are set nowhere: they are for this method.
        """

    async def after_save(
        self, request: Request, record: Any, values: dict[str, Any], *, is_new: bool
    ) -> None:
        """Do what follows from a save, in the same transaction, when the record is written."""

    def url(self, page: str, key: Any = None) -> str:
        """The path of this view's `page` (`list`, `create`, `details`, `edit`, …)."""
        path = f"{self.site.base_url}/{self.identity}/{page}"
        return path if key is None else f"{path}/{key}"

    # Declarations -------------------------------------------------------------------------------

    def _check(self) -> None:
        """Refuse a declaration that cannot work."""
        where = type(self).__name__
        if (self.can_create or self.can_edit) and not self.form_sections:
            raise ConfigurationError(f"{where} has a form: say what is in it with form_sections = […].")
        check_form(self)
        check_export(self)
        check_bulk_edit(self)
        check_columns(self)
        check_indexes(self)
        unsortable = set(self._sort_fields) - set(inspect(self.model).column_attrs.keys())
        if unsortable:
            raise ConfigurationError(
                f"{where}: column_sortable_list may hold columns alone, not {unsortable}."
            )
        slugs = [action.slug for action in self.bulk_actions]
        if len(slugs) != len(set(slugs)):
            raise ConfigurationError(f"{where}: two bulk actions share a slug.")


@lru_cache(maxsize=256)
def _by_key(model: type[Base], key: InstrumentedAttribute[Any], names: tuple[str, ...]) -> Select[Any]:
    """The record whose key is `wanted`, with its relations among `names`."""
    # Made once: every page of a record begins with it.
    return (
        select(model)
        .where(key == bindparam("wanted"))
        .options(*loading_options(model, names))
        .execution_options(**INCLUDE_TRASHED)
    )
