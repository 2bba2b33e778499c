"""`python -m mambaseg.cli`, where the script `mambaseg` is not on the path."""

import sys

from mambaseg.cli.main import main

sys.exit(main())
