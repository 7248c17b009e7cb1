"""What machines lack for a stack, found before anything is made: `python -m doctor --stack NAME`.

Judging is pure, over records of what was observed; looking is at the edge, in `doctor.look`.
"""
