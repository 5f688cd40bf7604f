"""``python -m byname``."""

import sys

from byname.cli import main

if __name__ == "__main__":
    sys.exit(main())
