"""What must be on a machine before the program itself can run: packages, environment, engine.

Standard library only: this package runs with the system's `python3` before any virtual
environment exists (`python3 -m tools install`).
"""


class ToolError(Exception):
    """One message for the user: what is wrong, and what to do about it."""
