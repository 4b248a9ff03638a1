"""`python -m metrics REAL FAKE`: how close generated images come to real ones, in figures."""

import sys

try:
    from metrics.command import main
except KeyboardInterrupt:  # what is imported takes seconds
    print("error: interrupted", file=sys.stderr)
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(main())
