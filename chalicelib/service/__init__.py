"""The reconciler, the executor, and the operations of the API and the functions."""
