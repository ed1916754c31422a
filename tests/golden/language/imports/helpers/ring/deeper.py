import sys
this = sys.modules[__name__]
try:
    from helpers.ring import inner
    print(inner.__name__)
    inner.deeper
except AttributeError as e:
    print(str(e).partition(" from ")[0], "|", str(e).rpartition(" has ")[2])
try:
    sys.modules["helpers"].ring
except AttributeError as e:
    print(e)
