"""The only writer of records and history events."""
