"""`python -m generators`, which says at its end what is left: threads of the group of processes, modules."""

import sys
from pathlib import Path

from generators.commands import main

if __name__ == "__main__":
    code = main()
    names = [task.joinpath("comm").read_text() for task in Path("/proc/self/task").iterdir()]
    print("threads left:", sum("gloo" in name for name in names), file=sys.stderr)
    print("compiler loaded:", "torch._dynamo" in sys.modules, file=sys.stderr)
    sys.exit(code)
