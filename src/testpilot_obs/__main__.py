"""``python -m testpilot_obs`` does what ``testpilot-obs`` does."""

import sys

from testpilot_obs.cli import main

if __name__ == "__main__":
    sys.exit(main())
