"""What the user asked for, and what follows from it: settings and the plan.

Nothing here makes text or talks to a machine.
"""
