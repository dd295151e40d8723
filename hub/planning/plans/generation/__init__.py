"""Running the generation of a plan under a lease, its events persisted before they are streamed."""
