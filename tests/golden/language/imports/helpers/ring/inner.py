import helpers.ring
try:
    helpers.ring
except AttributeError as e:
    print(e)
try:
    from helpers.ring import late
except ImportError as e:
    print(str(e).partition(" (")[0], e.name_from)
from . import deeper
