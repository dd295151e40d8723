"""Not giving up too early, and not hanging too long: one idea a module, composed in `policy`."""
