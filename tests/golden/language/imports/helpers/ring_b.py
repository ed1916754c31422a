import sys

import helpers.ring_a

y = "b's y"
print("ring_b sees x:", hasattr(sys.modules["helpers.ring_a"], "x"))
