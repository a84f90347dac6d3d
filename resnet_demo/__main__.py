"""`python -m resnet_demo …`"""

import sys

from resnet_demo.cli.main import main

sys.exit(main())
