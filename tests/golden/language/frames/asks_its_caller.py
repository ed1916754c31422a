import sys


def variables_of_caller(value=None):
    frame = sys._getframe(1)
    found = {name: value for name, value in frame.f_locals.items() if name.isalpha() and not callable(value)}
    return frame.f_code.co_name, found


def change_x():
    sys._getframe(1).f_locals['x'] = 'changed'
