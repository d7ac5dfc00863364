"""Which summaries find the changed labels? Every finished run of an experiment, as tables and figures.

    python analysis/detection.py demo --where model=tiny --into results

`memest analyze` does the same and logs it to MLflow.
"""

from memest.paper.script import script

if __name__ == "__main__":
    print(script("detection", __doc__))
