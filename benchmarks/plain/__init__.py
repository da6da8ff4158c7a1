"""The baseline: two simple Lambda functions, one that starts the database and one that stops it."""
