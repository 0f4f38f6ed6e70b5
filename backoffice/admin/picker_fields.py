"""Form fields for relations: records that are looked up as one types."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from wtforms import SelectFieldBase
from wtforms.form import BaseForm
from wtforms.validators import StopValidation
from wtforms.widgets import Select

from backoffice.admin.fields import Terms
from backoffice.admin.pickers import Picker
from backoffice.keys import is_key

GONE: Final = "This cannot be chosen, or no longer: look it up again."


class PickerField(SelectFieldBase):
    """One record, looked up as one types. `data` is the record itself, or None.

    The form looks the records up (`forms.look_up`) before it is validated or shown. Without a
    `picker` of its own it takes the one that the view declares under its name.
    """

    widget = Select()

    def __init__(
        self,
        label: str | None = None,
        validators: list[Any] | None = None,
        *,
        picker: Picker | None = None,
        **kwargs: Any,
    ) -> None:
        self.picker = picker
        self.lookup_url = ""
        self.keys: list[str] = []
        #: What the record has now; it may stay even where it could not be chosen anew.
        self.current: frozenset[str] = frozenset()
        self.records: dict[str, Any] = {}
        self.labels: dict[str, str] = {}
        super().__init__(label, validators, **kwargs)

    def process_data(self, value: Any) -> None:
        self.keys = [str(key) for key in self._as_keys(value)]
        self.current = frozenset(self.keys)
        self.data = self._data()

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.keys = [_canonical(raw) for raw in valuelist[:1] if raw]

    def wanted(self, also: Collection[str] = ()) -> list[int]:
        """The keys to look up: what is chosen, what the record has, and `also`."""
        return [int(key) for key in {*self.keys, *self.current, *also} if is_key(key)]

    def take(self, records: Mapping[str, Any], allowed: Collection[str]) -> None:
        """Know the records that were found, as far as they may be shown here."""
        self.records = {
            key: record for key, record in records.items() if key in allowed or key in self.current
        }
        # Made now: once a save has failed, nothing of a record can be read.
        label = self.picker.label if self.picker else str
        self.labels = {key: label(record) for key, record in self.records.items()}
        self.data = self._data()

    @property
    def terms(self) -> Terms:
        return self.keys[0] if self.keys else ""

    def text_of(self, terms: str) -> str:
        return self._label(terms) if terms else ""

    def iter_choices(self) -> Any:
        for key in self.keys:
            if key in self.records:
                yield key, self._label(key), True, {}

    def pre_validate(self, form: BaseForm) -> None:
        if not self.records.keys() >= set(self.keys):
            raise StopValidation(GONE)

    def _as_keys(self, value: Any) -> Sequence[Any]:
        return [] if value is None else [value]

    def _data(self) -> Any:
        return next((self.records[key] for key in self.keys if key in self.records), None)

    def _label(self, key: str) -> str:
        return self.labels.get(key, f"#{key}")


class PickManyField(PickerField):
    """Several records, looked up as one types. `data` is the list of them."""

    widget = Select(multiple=True)

    def process_formdata(self, valuelist: list[str]) -> None:
        self.keys = list(dict.fromkeys(_canonical(raw) for raw in valuelist if raw))

    @property
    def terms(self) -> Terms:
        return sorted(self.keys)

    def text_of(self, terms: Any) -> str:
        return ", ".join(self._label(key) for key in terms)

    def of(self, keys: Collection[str]) -> list[Any]:
        """The records of `keys`, as far as they are known."""
        return [self.records[key] for key in keys if key in self.records]

    def _as_keys(self, value: Any) -> Sequence[Any]:
        return value or []

    def _data(self) -> list[Any]:
        return self.of(self.keys)


def _canonical(raw: str) -> str:
    return str(int(raw)) if is_key(raw) else raw
