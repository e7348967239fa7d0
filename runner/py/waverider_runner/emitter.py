"""Events of the program."""


class Emitter:
    def __init__(self):
        self.handlers = {}

    def on(self, event, handler):
        self.handlers.setdefault(event, []).append(handler)
        return handler

    add_listener = on

    def once(self, event, handler):
        def first(*args):
            self.remove_listener(event, first)
            return handler(*args)

        return self.on(event, first)

    def remove_listener(self, event, handler):
        handlers = self.handlers.get(event, [])
        if handler in handlers:
            handlers.remove(handler)

    def listeners(self, event):
        return list(self.handlers.get(event, ()))

    def emit(self, event, *args):
        """Calls the handlers; returns what they returned."""
        return [handler(*args) for handler in self.listeners(event)]
