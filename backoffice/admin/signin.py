"""Signing in and out, and what a person may change about their own account."""

from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response
from wtforms import Form, PasswordField, SelectField, validators

from backoffice.accounts import people
from backoffice.accounts.sessions import close_session
from backoffice.admin.fields import TimeZoneField
from backoffice.admin.pages import Flash, FormPage, FormSection
from backoffice.admin.request import current_user, flash, is_ours, see_other, submitted
from backoffice.admin.security import renew_csrf_token
from backoffice.errors import BadInput, TooManyAttempts
from models import Theme, User

if TYPE_CHECKING:
    from backoffice.admin.site import AdminSite

WRONG: Final = "That e-mail address and password do not go together, or the account may not sign in."


async def login_page(site: "AdminSite", request: Request) -> Response:
    """The sign-in form; who is signed in already goes on."""
    next_url = _safe_next(site, request.query_params.get("next", ""))
    if request.state.user is not None:
        return see_other(next_url)
    return site.render(request, "login.html", None, email="", next=next_url, error="")


async def login(site: "AdminSite", request: Request) -> Response:
    """Sign in and go on to `next`; a failure says no more than that it failed."""
    form = submitted(request)
    email, password = str(form.get("username", "")), str(form.get("password", ""))
    next_url = _safe_next(site, str(form.get("next", "")))
    try:
        signed_in = await people.sign_in(
            request.state.session,
            email=email,
            password=password,
            address=request.state.change.address,
            user_agent=request.headers.get("user-agent", ""),
            hours=site.settings.session_hours,
        )
    except TooManyAttempts as error:
        response = _refused(site, request, email, next_url, str(error), 429)
        response.headers["Retry-After"] = str(error.retry_after)
        return response
    if signed_in is None:
        return _refused(site, request, email, next_url, WRONG, 400)
    await close_session(request.state.session, request.session.get("token", ""))
    request.session.clear()
    request.session["token"] = signed_in.token
    renew_csrf_token(request)
    return see_other(next_url)


async def logout(site: "AdminSite", request: Request) -> Response:
    """Sign this browser out."""
    await people.sign_out(request.state.session, request.session.get("token", ""))
    request.session.clear()
    return see_other(f"{site.base_url}/login")


async def account_page(site: "AdminSite", request: Request) -> Response:
    """Time zone, theme and password of the person who is signed in."""
    return _account(site, request, _PreferencesForm(obj=current_user(request)), _PasswordForm())


async def save_account(site: "AdminSite", request: Request) -> Response:
    form = _PreferencesForm(submitted(request))
    if not form.validate():
        return _account(site, request, form, _PasswordForm(), status_code=400)
    person = await request.state.session.get_one(User, current_user(request).id)
    person.time_zone, person.theme = form.time_zone.data, Theme(form.theme.data)
    flash(request, Flash("Your preferences are saved."))
    return see_other(f"{site.base_url}/account")


async def save_password(site: "AdminSite", request: Request) -> Response:
    """Change one's own password; every other browser of this account is signed out."""
    form = _PasswordForm(submitted(request))
    if form.validate() and await _changes_password(request, form):
        flash(request, Flash("Your password is changed. Other browsers were signed out."))
        return see_other(f"{site.base_url}/account")
    return _account(site, request, _PreferencesForm(obj=current_user(request)), form, status_code=400)


async def _changes_password(request: Request, form: "_PasswordForm") -> bool:
    """Whether the password is now the new one; if not, the form says why."""
    try:
        is_changed = await people.change_own_password(
            request.state.session,
            current_user(request).id,
            current=form.current_password.data or "",
            new=form.new_password.data or "",
            keep_token=request.session["token"],
        )
    except (BadInput, TooManyAttempts) as error:
        form.new_password.errors = [str(error)]
        return False
    if not is_changed:
        form.current_password.errors = ["This is not your current password."]
    return is_changed


class _PreferencesForm(Form):
    time_zone = TimeZoneField("Time zone", [], description="All times are shown in this zone.")
    theme = SelectField(
        "Appearance",
        choices=[(Theme.SYSTEM, "As the system wishes"), (Theme.LIGHT, "Light"), (Theme.DARK, "Dark")],
        coerce=Theme,
    )


class _PasswordForm(Form):
    current_password = PasswordField(
        "Current password", [validators.InputRequired()], render_kw={"autocomplete": "current-password"}
    )
    new_password = PasswordField(
        "New password",
        [validators.InputRequired()],
        description="At least 12 characters.",
        render_kw={"autocomplete": "new-password"},
    )
    repeat_password = PasswordField(
        "New password again",
        [validators.EqualTo("new_password", "The two new passwords differ.")],
        render_kw={"autocomplete": "new-password"},
    )


def _account(
    site: "AdminSite", request: Request, preferences: Form, password: Form, *, status_code: int = 200
) -> Response:
    return site.render(
        request,
        "account.html",
        _form_page(site, "Preferences", preferences, "account"),
        password_page=_form_page(site, "Change password", password, "account/password"),
        status_code=status_code,
    )


def _form_page(site: "AdminSite", title: str, form: Form, path: str) -> FormPage:
    return FormPage(
        title=title,
        form=form,
        sections=[FormSection("", "", list(form))],
        action_url=f"{site.base_url}/{path}",
        cancel_url=f"{site.base_url}/",
        hidden={},
        is_new=False,
        is_multipart=False,
    )


def _refused(
    site: "AdminSite", request: Request, email: str, next_url: str, sentence: str, status_code: int
) -> Response:
    return site.render(
        request, "login.html", None, email=email, next=next_url, error=sentence, status_code=status_code
    )


def _safe_next(site: "AdminSite", url: str) -> str:
    """`url` if it is a page of this site, else the index: a sign-in leads nowhere else."""
    return url if is_ours(url, site.base_url) else f"{site.base_url}/"
