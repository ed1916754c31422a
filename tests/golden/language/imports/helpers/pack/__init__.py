from . import part
from .part import greet
from ..shapes import UNIT

__version__ = "1.0"
print("package", __name__)
