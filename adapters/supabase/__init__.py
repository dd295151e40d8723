"""Supabase: its Auth server (GoTrue) keeps the travellers' accounts."""

from adapters.supabase.identity import SupabaseIdentity
from adapters.supabase.webhooks import SupabaseWebhooks

__all__ = ["SupabaseIdentity", "SupabaseWebhooks"]
