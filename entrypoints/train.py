"""`mlflow run . -e train`: the same words as `memest train`."""

import sys

from memest.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]], all_flags=True))
