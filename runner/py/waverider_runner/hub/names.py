"""Names as in the Hub's other clients."""


def camel(name):
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def also_camel_case(cls):
    """get_version is getVersion too, so that examples of other languages can be followed."""
    for name in [name for name in vars(cls) if "_" in name and not name.startswith("_")]:
        setattr(cls, camel(name), vars(cls)[name])
    return cls


def with_camel_keys(values):
    """Fields of the API from arguments of Python; what is None is left out."""
    return {camel(name): value for name, value in values.items() if value is not None}
