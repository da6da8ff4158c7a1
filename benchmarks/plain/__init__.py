"""The baseline: two Lambdas as an engineer writes them in an afternoon, one that starts and one that stops."""
