"""Travellers: their profile, addresses, preferences, points, and their account at the payment provider."""

from hub.customers.addresses import AddressBook
from hub.customers.model import (
    Address,
    Customer,
    LoyaltyEntry,
    NewAddress,
    PreferenceChange,
    Preferences,
    ProfileChange,
    Spend,
    Stats,
)
from hub.customers.profile import Customers

__all__ = [
    "Address",
    "AddressBook",
    "Customer",
    "Customers",
    "LoyaltyEntry",
    "NewAddress",
    "PreferenceChange",
    "Preferences",
    "ProfileChange",
    "Spend",
    "Stats",
]
