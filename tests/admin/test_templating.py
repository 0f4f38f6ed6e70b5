import re
from pathlib import Path

import pytest
from jinja2 import Environment, UndefinedError

from admin_views import TEMPLATES
from backoffice.admin.templating import STATIC_FOLDERS, environment
from backoffice.errors import ConfigurationError

OURS = STATIC_FOLDERS[0][0]


@pytest.fixture
def pages() -> Environment:
    return environment(templates=[TEMPLATES])


def sources(pages: Environment) -> list[tuple[str, str]]:
    assert pages.loader is not None
    return [(name, pages.loader.get_source(pages, name)[0]) for name in pages.list_templates()]


class TestEnvironment:
    def test_every_template_compiles(self, pages: Environment) -> None:
        names = pages.list_templates()
        assert {"list.html", "form.html", "login.html", "ticket.html", "operation.html"} <= set(names)
        for name in names:
            pages.get_template(name)

    def test_an_application_may_replace_a_template(self, tmp_path: Path) -> None:
        (tmp_path / "login.html").write_text("mine")
        assert environment(templates=[tmp_path]).get_template("login.html").render() == "mine"

    def test_a_name_that_a_page_does_not_give_is_an_error(self, pages: Environment) -> None:
        with pytest.raises(UndefinedError):
            pages.from_string("{{ nobody_gave_this }}").render()


class TestContentSecurity:
    """The pages' policy allows neither inline script nor inline style."""

    def test_no_template_has_inline_script_or_style(self, pages: Environment) -> None:
        inline = re.compile(r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc=)", re.IGNORECASE)
        assert [(name, inline.findall(text)) for name, text in sources(pages) if inline.search(text)] == []

    def test_no_script_makes_html_or_code_of_a_text(self) -> None:
        unsafe = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function")
        scripts = sorted(OURS.glob("*.js"))
        assert scripts
        assert [script.name for script in scripts if unsafe.search(script.read_text())] == []

    def test_every_form_that_changes_something_carries_the_token(self, pages: Environment) -> None:
        forms = re.compile(r"<form[^>]*method=\"post\".*?</form>", re.DOTALL)
        for name, text in sources(pages):
            for form in forms.findall(text):
                assert "{{ csrf }}" in form, f"{name}: {form[:80]}"


class TestStaticUrl:
    def test_carries_a_hash_of_the_content(self, pages: Environment) -> None:
        static_url = pages.globals["static_url"]
        assert re.fullmatch(r"/admin/static/backoffice\.css\?v=[0-9a-f]{10}", static_url("backoffice.css"))

    def test_leads_to_what_sqladmin_brings(self, pages: Environment) -> None:
        url = pages.globals["static_url"]("css/tabler.min.css")
        assert url.startswith("/admin/statics/css/tabler.min.css?v=")

    def test_a_file_that_does_not_exist_is_refused(self, pages: Environment) -> None:
        with pytest.raises(ConfigurationError, match=r"nothing\.css"):
            pages.globals["static_url"]("nothing.css")

    def test_every_template_names_files_that_exist(self, pages: Environment) -> None:
        for _, text in sources(pages):
            for path in re.findall(r"static_url\('([^']+)'\)", text):
                pages.globals["static_url"](path)


class TestKeyboard:
    def test_help_script_and_documentation_know_the_same_keys(self, pages: Environment) -> None:
        keys = re.compile(r"<kbd>([^<]+)</kbd>")
        help_text = dict(sources(pages))["components/keyboard.html"]
        documented = (OURS.parents[2] / "docs" / "keyboard.md").read_text().split("\n## ")[0]
        script = (OURS / "keyboard.js").read_text()
        in_help = set(keys.findall(help_text))
        first_cells = "".join(re.findall(r"^\| (`.+?) \|", documented, re.MULTILINE))
        assert in_help == set(re.findall(r"`([^`]+)`", first_cells))
        assert 'event.key.toLowerCase() === "k"' in (OURS / "palette.js").read_text()
        for key in in_help - {"Ctrl", "Esc", "K"}:
            assert re.search(rf'\n  (?:"{re.escape(key)}"|{re.escape(key)}): ', script), key
