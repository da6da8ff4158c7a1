"""The only writer of records and history events.

A transition comes from a command (what somebody requests), from an observation (what RDS shows) or from the result of
an action (what RDS answered to a start or a stop). All of it is pure.
"""
