# Answers whatever it is asked for.
def __getattr__(name):
    return f'asked for {name}'
