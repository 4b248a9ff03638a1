"""`python -m classifiers train|measure`: classifiers to measure with, and to attack."""

import os
import sys

for _name, _value in (
    ("OMP_NUM_THREADS", "1"),
    ("OMP_WAIT_POLICY", "PASSIVE"),
    ("ORT_DISABLE_TELEMETRY", "1"),
):
    os.environ.setdefault(_name, _value)  # read when torch and ONNX Runtime are first imported

try:
    from classifiers.commands import main
except KeyboardInterrupt:  # what is imported takes seconds
    print("error: interrupted", file=sys.stderr)
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(main())
