print("ring starts")
from . import inner
print("ring is done")
