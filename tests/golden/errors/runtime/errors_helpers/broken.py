def work(n):
    for i in range(2):
        print(10 / n)
