"""The suites: a file for each table."""
