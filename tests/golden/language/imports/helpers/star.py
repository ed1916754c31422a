__all__ = ["chosen", "_also"]
chosen = 1
_also = 2
left_out = 3
