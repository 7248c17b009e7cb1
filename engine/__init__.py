"""Pulumi's engine and what is handed to it, as several packages need it."""
