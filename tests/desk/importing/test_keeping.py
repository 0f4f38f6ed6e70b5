"""Imports are ended where nobody goes on with them, and forgotten after a week."""

import pytest

from backoffice.desk.importing import files
from backoffice.desk.importing.files import ImportFolder
from backoffice.desk.importing.keeping import keep_imports
from backoffice.settings import Settings
from tests.desk.importing.conftest import Importing

CONTENT = "Number,Subject,Requester email\nA-1,A printer,ana@example.com\n"


class TestKeepImports:
    async def test_forgets_what_never_ran_and_the_rows_of_what_did(
        self, importing: Importing, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        importing.folder = ImportFolder.of(settings)
        done, left = await importing.upload(CONTENT), await importing.upload(CONTENT)
        young = await importing.upload(CONTENT)
        await importing.check(done)
        await importing.run(done)
        await importing.check(young)
        old = "UPDATE imports SET created_at = now() - interval '8 days' WHERE id <> $1"
        await importing.owner.execute(old, young.id)
        await keep_imports(importing.factory, settings)
        kept = await importing.owner.fetch("SELECT id, columns = '[]' FROM imports ORDER BY created_at")
        assert [tuple(row) for row in kept] == [(done.id, True), (young.id, False)]
        of = await importing.owner.fetch("SELECT DISTINCT import_id FROM import_rows")
        assert [row[0] for row in of] == [young.id]
        assert importing.folder.path(left.id).exists()
        monkeypatch.setattr(files, "KEPT_FOR", files.KEPT_FOR * 0)
        importing.folder.remove_old()
        assert not importing.folder.path(left.id).exists()
