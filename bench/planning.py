"""`python -m bench.planning D N`: the CPU seconds of planning and rendering, in a fresh process."""

from __future__ import annotations

import json
import sys
import time

from bench.fabrics import Shape


def main() -> None:
    """Plan and render once, and print what it took, as JSON."""
    datacentres, nodes = map(int, sys.argv[1:])
    shape = Shape(datacentres, nodes)
    from render.artifacts import render
    from render.yaml_text import yaml_text

    began = time.process_time()
    plan = shape.plan()
    planned = time.process_time()
    artifacts = render(plan)
    for node in artifacts.nodes.values():
        yaml_text(node.node)
    print(json.dumps({"plan": planned - began, "render": time.process_time() - planned}))


if __name__ == "__main__":
    main()
