"""`python -m generators`, which says at its end how many threads of its group of processes are left."""

import sys
from pathlib import Path

from generators.commands import main

if __name__ == "__main__":
    code = main()
    names = [task.joinpath("comm").read_text() for task in Path("/proc/self/task").iterdir()]
    print("left at the end:", sum("gloo" in name for name in names), file=sys.stderr)
    sys.exit(code)
