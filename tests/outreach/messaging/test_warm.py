"""What is done before the port opens need not be done while travellers wait."""

from importlib.resources import files

import jinja2
import pytest

from hub.outreach.messaging import MessageTemplates


def test_after_warming_no_letter_has_to_be_compiled(monkeypatch: pytest.MonkeyPatch):
    templates = MessageTemplates()
    templates.compile_all()
    monkeypatch.setattr(jinja2.Environment, "compile", lambda *_, **__: pytest.fail("compiled again"))
    for letter in files("templates").joinpath("email").iterdir():
        if letter.is_dir():
            for part in letter.iterdir():
                templates._jinja.get_template(f"email/{letter.name}/{part.name}")
