"""How memorized examples are trained, and how CSL, learning time and memorization go together.

    python analysis/theory.py theory --into results

`memest analyze --analysis theory` does the same and logs it to MLflow.
"""

from memest.paper.script import script

if __name__ == "__main__":
    print(script("theory", __doc__))
