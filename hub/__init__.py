"""travel-hub: the backend between a travel frontend and its providers."""

__version__ = "0.1.0"
