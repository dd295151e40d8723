"""The command `hub`."""

import sys

import typer
from pydantic import ValidationError
from rich.console import Console

from hub.cli import demo, money, operate, people, plans, run, torture
from hub.core.errors import HubError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The backend between a travel frontend and its providers."
)
run.register(app)
operate.register(app)
people.register(app)
money.register(app)
plans.register(app)
demo.register(app)
torture.register(app)


def main() -> None:
    """Runs a command; what goes wrong is one clear line and a status that is not zero."""
    try:
        app()
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False, include_context=False):
            where = ".".join(str(part) for part in one["loc"])
            _complain(f"{where}: {one['msg']}" if where else one["msg"].removeprefix("Value error, "))
        sys.exit(2)
    except HubError as error:
        _complain(error.detail)
        sys.exit(1)
    except OSError as error:
        _complain(str(error))
        sys.exit(1)


def _complain(text: str) -> None:
    Console(stderr=True).print(f"[red]hub:[/red] {text}", highlight=False, soft_wrap=True)
