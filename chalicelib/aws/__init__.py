"""Adapters: AWS calls, and AWS errors as a few errors of our own."""
