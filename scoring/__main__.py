"""`python -m scoring TRIALS|plan|dictionary`: what people's answers say, in figures."""

import sys

try:
    from scoring.command import main
except KeyboardInterrupt:  # what is imported takes seconds
    print("scoring: interrupted", file=sys.stderr)
    sys.exit(130)

if __name__ == "__main__":
    sys.exit(main())
