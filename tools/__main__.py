"""`python3 -m tools install [--dev]`, `path`, and `mend --stack NAME`.

This file must also parse under a Python that is too old, so that such a Python gets a sentence
instead of a traceback: everything newer lives behind the check.
"""

import sys

OLDEST = (3, 11)


def main() -> int:
    """Check the Python, then hand over."""
    if sys.version_info < OLDEST:
        sys.stderr.write(
            "error: underlay needs Python {}.{} or newer; {} is {}.{}. Install one and name it: "
            "make PYTHON=python3.12 …\n".format(*OLDEST, sys.executable, *sys.version_info[:2])
        )
        return 1
    from tools.cli import main as run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
