"""The baseline: two Lambdas as an engineer writes them in an afternoon, one that starts a database and one that stops it."""
