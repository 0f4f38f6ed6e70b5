"""The documentation is true: its links lead somewhere, its commands exist, its examples run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from backoffice.admin.view import View
from backoffice.cli import cli
from tests.databases import Database

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)(#[^)]*)?\)")


def names(page: str, pattern: str) -> set[str]:
    return set(re.findall(pattern, (ROOT / page).read_text()))


class TestLinks:
    @pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
    def test_lead_somewhere(self, page: Path) -> None:
        targets = [target for target, _ in LINK.findall(page.read_text()) if "://" not in target]
        missing = [target for target in targets if not (page.parent / target).exists()]
        assert missing == []


class TestReadme:
    def test_names_targets_of_make(self) -> None:
        targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        assert names("README.md", r"make ([a-z]+)") <= targets

    def test_and_changelog_name_commands_that_exist(self) -> None:
        commands = (
            r"`(run|serve|worker|job|migrate|audit|[a-z]+superuser|[a-z]+password|seed|check|[a-z]+-[a-z]+)`"
        )
        listed = names("CHANGELOG.md", commands)
        assert listed == set(cli.commands)


class TestAddAModel:
    def test_names_attributes_of_views(self) -> None:
        table = (ROOT / "docs/add-a-model.md").read_text().partition("| Attribute | What it says |")[2]
        first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
        attributes = {name for cell in first_cells for name in re.findall(r"`([a-z_]+)", cell)}
        assert attributes
        assert {name for name in attributes if not hasattr(View, name)} == set()


class TestScripts:
    def test_example_runs(self, database: Database, tmp_path: Path) -> None:
        database.fetch("INSERT INTO users (email, full_name, is_staff) VALUES ('c@example.com', 'C', true)")
        database.fetch("INSERT INTO users (email, full_name, is_staff) VALUES ('d@example.com', 'D', true)")
        database.fetch(
            "INSERT INTO tickets (title, description, creator_id) VALUES ('A printer', 'It smokes.', 1)"
        )
        [example] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/scripts.md").read_text(), re.DOTALL)
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "BACKOFFICE_DATABASE_URL": database.app_url,
            "BACKOFFICE_SECRET_KEY": "a secret that only the tests know",
        }
        done = subprocess.run(
            [sys.executable, "-c", example],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.stderr) == ("1 found, 1 assigned, 0 already so, {} refused\n", "")
