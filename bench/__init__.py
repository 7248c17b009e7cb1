"""What the project costs: times and sizes, each beside something that it can be compared with.

Nothing here passes or fails. A figure is a median with its range; the issue's goal stands by it.
"""
