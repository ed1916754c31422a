from .. import counter


def greet(name):
    return f"hello {name}, call {counter.up()}"
