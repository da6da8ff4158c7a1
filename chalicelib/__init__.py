"""The code of rds-lifecycle. Every Lambda function contains all of it."""
