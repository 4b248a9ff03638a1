"""`python -m generators train|sample|export|configs`: the front door without a web site."""

import os
import sys

for _name, _value in (
    ("OMP_NUM_THREADS", "1"),
    ("OMP_WAIT_POLICY", "PASSIVE"),
    ("ORT_DISABLE_TELEMETRY", "1"),
):
    os.environ.setdefault(_name, _value)  # read when torch and ONNX Runtime are first imported

try:
    from generators.commands import main
except KeyboardInterrupt:  # what is imported takes seconds
    print("generators: interrupted", file=sys.stderr)
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(main())
