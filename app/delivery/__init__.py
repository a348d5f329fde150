"""The outbox at work: drive conversations, judge replies, keep the journal and the receipts, reconcile."""
