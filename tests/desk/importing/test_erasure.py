"""Erasing a person who stands in files that somebody brought: nothing is left in any column or file."""

from uuid import uuid4

import pytest

from backoffice.accounts import people
from backoffice.database import transaction
from backoffice.desk.erased_files import remove_lists
from backoffice.desk.importing.erasure import WHY
from backoffice.desk.importing.files import ImportFolder
from backoffice.desk.importing.running import begin_run
from backoffice.errors import Conflict
from backoffice.export_files import ExportFolder
from backoffice.settings import Settings
from models import JobState, User
from tests.desk.erasing import erase, whereabouts
from tests.desk.importing.conftest import Importing
from tests.factories import arranging, make_job, make_user
from tests.performing import acting

NAME, EMAIL = "Quincy Fandango", "quincy@example.com"
TRACES = ("Quincy", "Fandango", "aubergine", "bandicoot")
HEAD = "Number,Subject,Description,Requester email\n"
THEIRS, ANOTHER = f"A-1,aubergine,bandicoot,{EMAIL}\n", "A-2,A printer,It smokes,ana@example.com\n"


@pytest.fixture
async def quincy(importing: Importing, settings: Settings) -> User:
    importing.folder = ImportFolder.of(settings)
    async with transaction(importing.factory, arranging()) as session:
        await people.create_superuser(
            session, email="root@example.com", full_name="Ruth Root", password="violet harbour 42"
        )
        return await make_user(session, full_name=NAME, email=EMAIL)


class TestErase:
    async def test_leaves_nothing_in_any_column_and_file(
        self, importing: Importing, settings: Settings, quincy: User
    ) -> None:
        await importing.bring(HEAD + THEIRS + ANOTHER)
        await importing.upload(HEAD + THEIRS, filename=f"of {NAME}.csv")
        exports = ExportFolder.of(settings)
        draft = exports.begin(uuid4())
        (draft / "tickets.csv").write_text(THEIRS)
        exports.keep(draft, draft / "tickets.csv")
        assert {found.partition(": ")[2] for found in await whereabouts(importing.owner, TRACES)} == set(
            TRACES
        )
        erasure, _ = await erase(importing.factory, quincy)
        assert erasure.imports == 2
        assert await whereabouts(importing.owner, TRACES) == []
        assert await remove_lists(importing.factory, settings) == 3
        assert not [path for path in settings.var_dir.rglob("*") if path.is_file()]

    async def test_leaves_out_what_was_to_be_run_and_the_others_stay(
        self, importing: Importing, quincy: User
    ) -> None:
        file = await importing.upload(HEAD + THEIRS + ANOTHER)
        await importing.check(file)
        await erase(importing.factory, quincy)
        rows = await importing.rows(file)
        assert [(row["verdict"], row["reason"]) for row in rows] == [("error", WHY), ("create", "")]
        counts, _ = await importing.run(file)
        assert counts.changed == 1
        titles = await importing.owner.fetch("SELECT title FROM tickets")
        assert [row["title"] for row in titles] == ["A printer"]

    async def test_a_second_time(self, importing: Importing, quincy: User) -> None:
        await importing.bring(HEAD + THEIRS)
        await erase(importing.factory, quincy)
        with pytest.raises(Conflict, match="erased already"):
            await erase(importing.factory, quincy)

    async def test_waits_for_an_import_that_names_them(self, importing: Importing, quincy: User) -> None:
        file = await importing.upload(HEAD + THEIRS)
        await importing.check(file)
        async with transaction(importing.factory, acting(importing.person)) as session:
            await begin_run(session, file.id)
        with pytest.raises(Conflict, match="names this person goes on"):
            await erase(importing.factory, quincy)

    async def test_waits_for_an_export(self, importing: Importing, quincy: User) -> None:
        async with transaction(importing.factory, arranging()) as session:
            job = await make_job(
                session, user_id=importing.person.id, kind="export", state=JobState.RUNNING, title="Export"
            )
        await importing.owner.execute("UPDATE jobs SET started_at = now() WHERE id = $1", job.id)
        with pytest.raises(Conflict, match="being exported"):
            await erase(importing.factory, quincy)
