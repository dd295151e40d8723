"""What watches the work: the audit trail and the review queue."""
