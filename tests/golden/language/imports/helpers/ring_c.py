import helpers.ring_d

x = 1
