"""What is known about a place and a time when a plan is drafted."""
