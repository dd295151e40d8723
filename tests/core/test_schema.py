"""What holds for every table and every query, also those that come later."""

from collections import Counter
from importlib.resources import files

import asyncpg
import pytest

from hub.core.db import Database, load_queries

NOUNS = sorted(one.name.removesuffix(".sql") for one in files("sql").joinpath("queries").iterdir())
RELATIONS = """
    select c.oid::regclass::text as name, c.relkind, c.relrowsecurity as guarded,
        has_any_column_privilege('anon', c.oid, 'select, insert, update, references')
            or has_table_privilege('anon', c.oid, 'delete, truncate, trigger') as anonymous,
        has_any_column_privilege('authenticated', c.oid, 'select') as readable,
        has_any_column_privilege('authenticated', c.oid, 'insert, update, references')
            or has_table_privilege('authenticated', c.oid, 'delete, truncate, trigger') as writable,
        array(select pg_get_expr(p.polqual, p.polrelid) from pg_policy p where p.polrelid = c.oid) as policies
    from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
    order by 1
"""


@pytest.fixture
async def relations(db: Database) -> list[asyncpg.Record]:
    async with db.connection() as connection:
        return await connection.fetch(RELATIONS)


def failing(relations: list[asyncpg.Record], wrong) -> list[str]:
    return [row["name"] for row in relations if wrong(row)]


def test_every_table_has_row_level_security(relations):
    """On Supabase the whole schema `public` is served over HTTP to whoever asks."""
    assert {row["relkind"] for row in relations} == {b"r"}, "a view needs security_invoker, and a rule of its own here"
    assert failing(relations, lambda row: not row["guarded"]) == []


def test_nobody_without_a_name_can_do_anything(relations):
    assert failing(relations, lambda row: row["anonymous"]) == []


def test_a_traveller_can_change_nothing(relations):
    assert failing(relations, lambda row: row["writable"]) == []


def test_what_a_traveller_can_read_is_bound_to_who_that_is(relations):
    readable = [row for row in relations if row["readable"]]
    assert readable
    assert failing(readable, lambda row: not row["policies"]) == []
    assert failing(readable, lambda row: not all("auth.uid()" in one for one in row["policies"])) == []


def test_what_a_traveller_cannot_read_has_no_policy(relations):
    """A policy without its grant is a table that somebody thought to be readable."""
    assert failing(relations, lambda row: row["policies"] and not row["readable"]) == []


async def test_no_sequence_is_open_to_travellers(db: Database):
    query = """
        select c.oid::regclass::text from pg_class c cross join unnest(array['anon', 'authenticated']) role
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'S'
            and has_sequence_privilege(role, c.oid, 'usage, select, update')
    """
    async with db.connection() as connection:
        assert await connection.fetch(query) == []


async def test_no_function_can_be_called_by_travellers(db: Database):
    """Everybody may execute a new function, until it says otherwise; triggers cannot be called."""
    query = """
        select p.oid::regprocedure::text from pg_proc p cross join unnest(array['anon', 'authenticated']) role
        where p.pronamespace = 'public'::regnamespace and p.prorettype <> 'trigger'::regtype
            and has_function_privilege(role, p.oid, 'execute')
    """
    async with db.connection() as connection:
        assert await connection.fetch(query) == []


@pytest.mark.parametrize("noun", NOUNS)
async def test_every_query_fits_the_schema(db: Database, noun: str):
    queries = vars(load_queries(noun))
    assert queries
    failures = {}
    async with db.connection() as connection:
        for name, query in queries.items():
            try:
                await connection.connection.prepare(query)
            except asyncpg.PostgresError as error:
                failures[name] = str(error)
    assert failures == {}


@pytest.mark.parametrize("noun", NOUNS)
def test_every_query_has_a_name_of_its_own(noun: str):
    text = files("sql").joinpath("queries", f"{noun}.sql").read_text(encoding="utf-8")
    names = [line.removeprefix("-- name: ").strip() for line in text.splitlines() if line.startswith("-- name: ")]
    assert [name for name, times in Counter(names).items() if times > 1 or not name.isidentifier()] == []
