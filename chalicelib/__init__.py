"""The rules and the adapters of rds-lifecycle. Packaged whole into every Lambda function."""
