"""Supabase: its Auth server (GoTrue) keeps the travellers' accounts."""

from adapters.supabase.identity import SupabaseIdentityProvider
from adapters.supabase.webhooks import SupabaseWebhooks

__all__ = ["SupabaseIdentityProvider", "SupabaseWebhooks"]
