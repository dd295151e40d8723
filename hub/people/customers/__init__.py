"""Travellers: their profile, addresses, preferences, points, and their account at the payment provider."""

from hub.people.customers.addresses import AddressBook
from hub.people.customers.model import (
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
from hub.people.customers.profile import Customers

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
