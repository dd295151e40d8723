"""A plan as HTML: from its structure, every text escaped."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import jinja2

from hub.planning.plans.model import Plan
from hub.planning.plans.rendering.affiliates import AffiliateLink
from hub.planning.plans.rendering.view_model import build_view_model


def to_html(plan: Plan, *, affiliates: Sequence[AffiliateLink] = (), sandbox: bool = False) -> str:
    """An `<article>` to be put into any page, with one `<h1>`; classes begin with `plan`. No script, no style."""
    return _template().render(it=build_view_model(plan, affiliates, sandbox=sandbox))


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
