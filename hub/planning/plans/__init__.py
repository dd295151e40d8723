"""Trip plans: made step by step, judged line by line, kept in versions, shared, and turned into flights to book."""
