"""Files that travelers add to their plans, sanitized and stored."""
