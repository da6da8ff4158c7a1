"""HTTP requests, responses, errors and access tokens."""
