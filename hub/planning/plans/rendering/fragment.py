"""A plan as HTML: from its structure, every text escaped."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import jinja2

from hub.planning.plans.model import Plan
from hub.planning.plans.rendering.affiliates import Affiliate
from hub.planning.plans.rendering.view_model import told


def to_html(plan: Plan, *, affiliates: Sequence[Affiliate] = (), sandbox: bool = False) -> str:
    """An `<article>` to be put into any page, with one `<h1>`; classes begin with `plan`. No script, no style."""
    return _template().render(it=told(plan, affiliates, sandbox=sandbox))


@cache
def _template() -> jinja2.Template:
    """Compiled once in a process, whoever asks."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(files("templates").joinpath("pages"))),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("plan_body.html")
