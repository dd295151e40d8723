"""Travellers: their profile, addresses, preferences, points, and their account at the payment provider."""

from hub.people.customers.addresses import AddressBook
from hub.people.customers.model import (
    Address,
    CurrencyTotal,
    Customer,
    CustomerStats,
    LoyaltyEntry,
    NewAddress,
    PreferenceChange,
    Preferences,
    ProfileChange,
)
from hub.people.customers.service import Customers

__all__ = [
    "Address",
    "AddressBook",
    "CurrencyTotal",
    "Customer",
    "CustomerStats",
    "Customers",
    "LoyaltyEntry",
    "NewAddress",
    "PreferenceChange",
    "Preferences",
    "ProfileChange",
]
