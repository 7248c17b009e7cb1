"""From the plan to artifacts: every text and document that a machine or the cluster is given.

Pure functions. Nothing is decided here: addresses, AS numbers and sessions come from the plan.
"""
