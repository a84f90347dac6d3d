"""`python -m resnet_demo …`"""

import sys

from resnet_demo.cli import main

sys.exit(main())
