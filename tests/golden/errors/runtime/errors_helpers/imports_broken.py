def load():
    import errors_helpers.broken_at_top


load()
