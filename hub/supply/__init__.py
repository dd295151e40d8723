"""What can be sold: flights of suppliers, and the places they connect."""
