"""`mlflow run . -e analyze`: the same words as `memest analyze`."""

import sys

from memest.cli import main

if __name__ == "__main__":
    sys.exit(main(["analyze", *sys.argv[1:]], all_flags=True))
