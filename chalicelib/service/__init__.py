"""The reconciliation loop and the operations built on it."""
