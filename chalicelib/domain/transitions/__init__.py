"""The only writer of records and history events.

A transition comes from a command (what a caller requests), from an observation (what RDS shows) or from the result of
an action (how RDS responded to a start or a stop). All functions are pure.
"""
