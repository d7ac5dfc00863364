"""`mlflow run . -e sweep`: the same words as `memest sweep`."""

import sys

from memest.cli import main

if __name__ == "__main__":
    sys.exit(main(["sweep", *sys.argv[1:]], all_flags=True))
