"""Do architectures and seeds single out the same examples, and how many seeds does it take?

    python analysis/cross_architecture.py cross_architecture --into results

`memest analyze --analysis cross_architecture` does the same and logs it to MLflow.
"""

from memest.paper.script import script

if __name__ == "__main__":
    print(script("cross_architecture", __doc__))
