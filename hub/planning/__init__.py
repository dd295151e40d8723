"""Trip plans: language-model completions, plans, files beside them."""
