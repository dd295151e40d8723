"""What the hub costs, as ratios against doing the same thing by hand, measured in one run."""
