"""The command `hub`."""

import sys
from typing import Annotated

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError as UnreadableSettings
from rich.console import Console

from hub import __version__
from hub.cli import access, accounting, demo, operations, plans, processes, suppressions, torture
from hub.core.errors import HubError
from hub.settings import Settings
from hub.settings.environment import SettingsError, format_validation_error

app = typer.Typer(no_args_is_help=True, help="The backend between a travel frontend and its providers.")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"travel-hub {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The backend between a travel frontend and its providers."""


processes.register_commands(app)
operations.register_commands(app)
access.register_commands(app)
accounting.register_commands(app)
plans.register_commands(app)
suppressions.register_commands(app)
demo.register_commands(app)
torture.register_commands(app)


def main() -> None:
    """Runs a command; what goes wrong is one clear line and a status that is not zero: 2 for settings, else 1."""
    try:
        app()
    except ValidationError as error:
        for line in format_validation_error(error, Settings):
            _complain(line)
        sys.exit(2)
    except (UnreadableSettings, UnicodeDecodeError) as error:
        _complain(f"the settings cannot be read: {error}")
        sys.exit(2)
    except HubError as error:
        _complain(error.detail)
        sys.exit(2 if isinstance(error, SettingsError) else 1)
    except OSError as error:
        _complain(str(error))
        sys.exit(1)


def _complain(text: str) -> None:
    Console(stderr=True).print(f"[red]hub:[/red] {text}", highlight=False, soft_wrap=True)
