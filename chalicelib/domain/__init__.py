"""Pure rules: no AWS, no Chalice, no clock, no environment."""
