class Noisy:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("del", self.name, kind)

kind = "of the module"
kept = Noisy("kept by its module")
