def run(context, input, count):
    for n in range(count):
        if n % 1000 == 0:
            context.emit("at", n)
        yield {"n": n, "pad": "x" * 1000}
