"""`mlflow run . -e score`: the same words as `memest score`."""

import sys

from memest.cli import main

if __name__ == "__main__":
    sys.exit(main(["score", *sys.argv[1:]], all_flags=True))
