import helpers.ring_b

x = "a's x"
print("ring_a sees", helpers.ring_b.y)
