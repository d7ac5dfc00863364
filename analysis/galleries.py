"""Which examples of each class have the highest and lowest CSL?

    python analysis/galleries.py galleries --into results

`memest analyze --analysis galleries` shows them as images.
"""

from memest.paper.script import script

if __name__ == "__main__":
    print(script("galleries", __doc__))
