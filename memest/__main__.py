"""`python -m memest`: the command line, where no `memest` is on the PATH."""

import sys

from memest.cli import main

if __name__ == "__main__":
    sys.exit(main())
