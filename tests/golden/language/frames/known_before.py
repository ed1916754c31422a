def doubled(ask, x):
    y = 2 * x
    return ask(y)


class Counter:
    count = 0

    def ask(self, ask, *, key=5):
        count = self.count = self.count + key
        return ask(count)[0], count


def two(ask):
    a = 1
    yield ask(a)
    b = 2
    yield ask(b)


async def wait(ask):
    z = 9
    return ask(z)


def outer():
    free = 1

    def inner(ask, own=3):
        free
        return ask(own)

    return inner


ready = outer()
