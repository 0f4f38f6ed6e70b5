"""Verbs of operations, in words."""

from collections.abc import Mapping
from typing import Final

_NOUNS: Final = {
    "ticket": "tickets",
    "comment": "comments",
    "attachment": "attachments",
    "tag": "tags",
    "user": "users",
    "group": "groups",
    "account": "an account",
}

_ACTIONS: Final = {
    "assign": "Assigned {}",
    "set-status": "Set the status of {}",
    "set-priority": "Set the priority of {}",
    "add-tags": "Added tags to {}",
    "remove-tags": "Removed tags from {}",
    "trash": "Moved {} to the trash",
    "restore": "Restored {}",
    "purge": "Deleted {} forever",
    "restore-version": "Restored an earlier version of {}",
    "bring-back": "Brought {} back",
    "delete": "Deleted {}",
    "create": "Created {}",
    "edit": "Edited {}",
    "reply": "Replied to {}",
    "attach": "Attached files to {}",
    "upload": "Uploaded {}",
    "change-password": "Changed the password of {}",
}

_WHOLE: Final = {
    "operation.undo": "Undid an operation",
    "user.erase": "Erased a person",
    "import.run": "Imported a file",
    "account.login": "Signed in",
    "account.logout": "Signed out",
    "account.password": "Changed one's own password",
    "system.purge": "Emptied the trash",
    "system.seed": "Seeded tickets",
    "system.demo": "Loaded the demo data",
}


def verb_label(verb: str, nouns: Mapping[str, str] | None = None) -> str:
    """The verb as a page shows it: `ticket.assign` is "Assigned tickets"; an unknown one reads as it is.

    `nouns` says otherwise what it was done to: with `{"ticket": "this ticket"}`, "Assigned this ticket".
    """
    if verb in _WHOLE:
        return _WHOLE[verb]
    noun, _, action = verb.partition(".")
    sentence = _ACTIONS.get(action.replace("_", "-"))
    if sentence is None:
        return verb.replace(".", ": ", 1).replace("-", " ").replace("_", " ").capitalize()
    return sentence.format({**_NOUNS, **(nouns or {})}.get(noun, noun))
