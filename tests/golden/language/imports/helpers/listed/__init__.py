__all__ = ["one", "two", "here"]
here = "here"
