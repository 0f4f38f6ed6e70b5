import re
from datetime import UTC, datetime
from typing import Any

import pytest

from backoffice.admin.cell_html import Reader, cell_html, copyable, row_writer
from backoffice.admin.pages import Cell, Column, Kind, Row

NOW = datetime(2026, 11, 22, 13, 5, 9, tzinfo=UTC)
READER = Reader("Europe/Paris", NOW)
ATTACK = "<script>\"'&"
NUMBER, TITLE = Column("ticket_number", "Number", Kind.CODE), Column("title", "Subject", Kind.TEXT)


def tds(columns: list[Column], *cells: Cell, **fields: Any) -> list[str]:
    """The cells of one row, as they are written."""
    row = Row(**{"pk": "1", "title": "T-1", "url": "/row", "cells": cells, **fields})
    return re.findall(r"<td.*?</td>", row_writer(columns, READER)(row))


def in_a_list(cell: Cell) -> str:
    """A cell of a column that does not lead to the row."""
    return tds([TITLE, Column("other", "Other", cell.kind)], Cell(Kind.TEXT, "T"), cell)[1]


def attacking(kind: Kind) -> Any:
    return {
        Kind.NUMBER: 1,
        Kind.SIZE: 1,
        Kind.FLAG: True,
        Kind.MOMENT: NOW,
        Kind.LABEL: (ATTACK, ATTACK),
        Kind.RECORDS: [Cell(Kind.RECORD, ATTACK, ATTACK), Cell(Kind.LABEL, (ATTACK, ATTACK))] * 2,
        Kind.JSON: {ATTACK: ATTACK},
    }.get(kind, ATTACK)


class TestEscaping:
    @pytest.mark.parametrize("kind", Kind)
    def test_what_is_stored_is_shown_as_text(self, kind: Kind) -> None:
        cell, column = Cell(kind, attacking(kind), f"/x?{ATTACK}"), Column("name", ATTACK, kind)
        first = tds([column], cell, url=f"/row?{ATTACK}")[0]
        for html in (cell_html(cell, READER), in_a_list(cell), first):
            assert "<script" not in html
            # Each attribute ends where it was meant to.
            assert re.fullmatch(r'(<(\w+|/\w+)( [\w-]+(="[^"<>]*")?)*/?>|[^<>"])*', html), html

    def test_a_row_without_a_name_leads_to_itself(self) -> None:
        assert "(no name)" in tds([TITLE], Cell(Kind.TEXT, ""), url=f"/row?{ATTACK}")[0]
        assert "<script" not in tds([TITLE], Cell(Kind.TEXT, None), url=f"/row?{ATTACK}")[0]


class TestRows:
    def test_the_first_text_leads_to_the_row(self) -> None:
        number, title = tds([NUMBER, TITLE], Cell(Kind.CODE, "T-1"), Cell(Kind.TEXT, "Jam"))
        assert "href" not in number
        assert '<a href="/row" dir="auto">Jam</a>' in title
        assert "is-main" in title
        only = tds([NUMBER], Cell(Kind.CODE, "T-1"))[0]
        assert '<code><a href="/row" dir="auto">T-1</a></code>' in only

    def test_each_cell_names_its_column_but_the_text_that_leads_to_the_row(self) -> None:
        number, title = tds([NUMBER, TITLE], Cell(Kind.CODE, "T-1"), Cell(Kind.TEXT, "Jam"))
        assert '<span class="cell-label" aria-hidden="true">Number</span>' in number
        assert "cell-label" not in title
        assert "cell-label" in tds([NUMBER], Cell(Kind.CODE, "T-1"))[0]

    def test_a_row_in_the_trash_says_so_once(self) -> None:
        cells = tds([NUMBER, TITLE], Cell(Kind.CODE, "T-1"), Cell(Kind.TEXT, "Jam"), is_trashed=True)
        assert ["(in the trash)" in cell for cell in cells] == [False, True]

    def test_nothing_is_told_from_something(self) -> None:
        for kind, value in ((Kind.TEXT, None), (Kind.TEXT, ""), (Kind.RECORDS, []), (Kind.RECORD, None)):
            html = in_a_list(Cell(kind, value))
            assert 'is-empty"' in html
            assert '<span class="visually-hidden">none</span>' in html
        for kind, zero in ((Kind.NUMBER, 0), (Kind.FLAG, False)):
            assert "is-empty" not in in_a_list(Cell(kind, zero))


class TestOneLine:
    def test_of_many_records_the_first_is_named(self) -> None:
        tags = [Cell(Kind.LABEL, (name, "#123456"), f"/tag/{name}") for name in ("red", "blue", "green")]
        html = in_a_list(Cell(Kind.RECORDS, tags))
        assert html.count('class="label"') == 1
        assert '<span class="more" title="blue, green">+2</span>' in html
        assert in_a_list(Cell(Kind.RECORDS, tags[:2])).count('class="label"') == 2
        assert cell_html(Cell(Kind.RECORDS, tags), READER).count('class="label"') == 3

    def test_long_values_are_cut(self) -> None:
        long = "word " * 100
        assert len(re.sub("<[^>]*>", "", tds([TITLE], Cell(Kind.LONG_TEXT, long))[0])) <= 120
        assert long in cell_html(Cell(Kind.LONG_TEXT, long), READER)
        digest = copyable("ab" * 32)
        assert in_a_list(Cell(Kind.DIGEST, "ab" * 32)).count("ab" * 32) == 2
        assert digest.count("ab" * 32) == 3

    def test_times_are_brief(self) -> None:
        assert ">13 Nov<" in in_a_list(Cell(Kind.MOMENT, datetime(2026, 11, 13, tzinfo=UTC)))
        assert ">13 Nov 2026<" in cell_html(Cell(Kind.MOMENT, datetime(2026, 11, 13, tzinfo=UTC)), READER)
