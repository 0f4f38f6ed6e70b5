"""What all commands are in: errors are said in a sentence, and whatever ends them ends them in order."""

import signal
from typing import Any

import click

from backoffice.errors import BackofficeError


class CommandLine(click.Group):
    """The commands; what a person can do something about is said in a sentence, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        _end_in_order()
        try:
            return super().invoke(ctx)
        except BackofficeError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            raise click.exceptions.Exit(130) from None


def _end_in_order() -> None:
    """Let `kill` and a closed terminal do what Ctrl-C does: whatever was started is stopped in order."""
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) is not signal.SIG_IGN:
            signal.signal(ending, lambda *_: signal.raise_signal(signal.SIGINT))
