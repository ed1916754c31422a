from helpers.ring_c import x
