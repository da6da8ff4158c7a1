"""Data types and pure functions: no AWS, no Chalice, no clock, no environment variables."""
