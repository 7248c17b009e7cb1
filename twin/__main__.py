"""`python -m twin sweep STACK`: removes what a twin left when its state is lost."""

from __future__ import annotations

import argparse

from twin.place import release_stack


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m twin")
    commands = parser.add_subparsers(required=True)
    sweep = commands.add_parser("sweep", help="remove every machine of a stack's twin")
    sweep.add_argument("stack")
    stack: str = parser.parse_args().stack
    removed = release_stack(stack)
    if removed:
        print(f"removed {len(removed)} machines and segments of {stack}: {', '.join(removed)}")
    else:
        print(f"nothing of a twin named {stack} stands here")


if __name__ == "__main__":
    main()
