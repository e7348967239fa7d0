def run(context, input):
    while True:
        pass
