raise RuntimeError("not loaded on purpose")
