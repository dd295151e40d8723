"""docs/supabase.sql, run as a project would run it: what it sends is what the hub takes."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from multidict import CIMultiDict

from adapters.supabase import SupabaseWebhooks
from hub.core.errors import Unauthenticated
from hub.core.inbox import RawWebhook, VerifiedWebhook

SCRIPT = Path(__file__).parents[2] / "docs" / "supabase.sql"
SECRET = "v1,whsec_" + base64.b64encode(b"a secret of thirty-two bytes, yes").decode()
HUB = "https://hub.example.com/webhooks/supabase"
ADA = "0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a"
PROJECT = """
    create table auth.users (
        id uuid primary key, email text, phone text, encrypted_password text, confirmation_token text,
        email_confirmed_at timestamptz, deleted_at timestamptz, last_sign_in_at timestamptz, raw_user_meta_data jsonb
    );
    create schema vault;
    create table vault.decrypted_secrets (name text, decrypted_secret text);
    create schema net;
    create table net.sent (number int generated always as identity, url text, headers jsonb, body bytea);
    create function net.http_post(
        url text, body jsonb default '{}', params jsonb default '{}', headers jsonb default '{}',
        timeout_milliseconds int default 1000
    ) returns bigint language sql as $$
        insert into net.sent (url, headers, body) values (url, headers, convert_to(body::text, 'UTF8'))
        returning 1::bigint
    $$;
    create schema extensions;
    create function extensions.hmac(data bytea, key bytea, kind text) returns bytea language plpgsql as $$
    declare
        inner_pad bytea := decode(repeat('36', 64), 'hex');
        outer_pad bytea := decode(repeat('5c', 64), 'hex');
    begin
        for i in 0..length(key) - 1 loop
            inner_pad := set_byte(inner_pad, i, get_byte(inner_pad, i) # get_byte(key, i));
            outer_pad := set_byte(outer_pad, i, get_byte(outer_pad, i) # get_byte(key, i));
        end loop;
        return sha256(outer_pad || sha256(inner_pad || data));
    end $$;
"""
"""What the script finds at Supabase: pg_net (which sends the body's text as it stands), Vault, pgcrypto's HMAC."""


@pytest.fixture
async def project(dsn: str) -> Any:
    connection = await asyncpg.connect(dsn)
    await connection.execute(PROJECT)
    secrets = [("travel_hub_webhook", SECRET), ("travel_hub_url", HUB)]
    await connection.executemany("insert into vault.decrypted_secrets values ($1, $2)", secrets)
    await connection.execute(SCRIPT.read_text())
    yield connection
    await connection.close()


async def heard(project: Any, secret: str = SECRET) -> list[VerifiedWebhook]:
    """What the hub makes of all that has been sent."""
    hub = SupabaseWebhooks((secret,), lambda: datetime.now(UTC))
    rows = await project.fetch("select headers::text, body from net.sent order by number")
    return [hub.verify_webhook(RawWebhook(CIMultiDict(json.loads(one["headers"])), one["body"], HUB)) for one in rows]


async def register(project: Any) -> None:
    await project.execute(
        "insert into auth.users (id, email, encrypted_password, confirmation_token, raw_user_meta_data) "
        "values ($1, 'ada@example.com', '$2a$10$hash', 'token', '{\"name\": \"Ada Lovelace\"}')",
        ADA,
    )


async def test_somebody_who_registers_there_is_told_here(project: Any):
    await register(project)
    [event] = await heard(project)
    assert (event.type, event.payload["record"]["email"]) == ("users.INSERT", "ada@example.com")
    assert event.payload["record"]["user_metadata"] == {"name": "Ada Lovelace"}
    assert [row["url"] for row in await project.fetch("select url from net.sent")] == [HUB]


async def test_a_change_and_a_deletion_are_told_and_a_sign_in_is_not(project: Any):
    await register(project)
    await project.execute("update auth.users set last_sign_in_at = now()")
    await project.execute("update auth.users set email = 'countess@example.com', email_confirmed_at = now()")
    await project.execute("delete from auth.users")
    events = await heard(project)
    assert [one.type for one in events] == ["users.INSERT", "users.UPDATE", "users.DELETE"]
    assert events[1].payload["record"]["email"] == "countess@example.com"
    assert events[2].payload["old_record"]["id"] == ADA
    assert len({one.event_id for one in events}) == 3


async def test_no_hash_and_no_token_leaves_the_project(project: Any):
    await register(project)
    body = (await project.fetchval("select body from net.sent")).decode()
    assert ("$2a$10$hash" in body, "token" in body) == (False, False)


async def test_another_secret_is_another_signature(project: Any):
    await register(project)
    with pytest.raises(Unauthenticated):
        await heard(project, "whsec_" + base64.b64encode(b"somebody else's").decode())


async def test_nobody_is_kept_from_signing_up_when_the_hub_cannot_be_told(project: Any):
    await project.execute("drop function net.http_post")
    await register(project)
    assert await project.fetchval("select count(*) from auth.users") == 1
