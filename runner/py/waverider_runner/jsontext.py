"""JSON by the interpreter's own C functions, without the package json: that
one brings the regular expressions along, which cost more start time and memory
than all of the runner. Where they are missing, json is used after all."""

try:
    from _json import encode_basestring, encode_basestring_ascii, make_encoder, make_scanner
except ImportError:  # another Python than CPython
    make_scanner = None


def _no_constant(name):
    raise ValueError("%s is not JSON" % name)


class _Settings:
    """What make_scanner reads."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int = float, int
    parse_constant = staticmethod(_no_constant)
    memo = {}


def _not_json(value):
    raise TypeError("%s is not a JSON value" % type(value).__name__)


if make_scanner is not None:
    scan = make_scanner(_Settings())  # (text, at) → (value, end); raises StopIteration, ValueError
    # Arguments: markers, default, encoder, indent, separators, sort_keys, skipkeys, allow_nan.
    _encode = make_encoder(None, _not_json, encode_basestring, None, ":", ",", False, False, False)
    _encode_ascii = make_encoder(None, _not_json, encode_basestring_ascii, None, ":", ",", False, False, False)

    def _text(value):
        return "".join(_encode(value, 0))

    def _ascii(value):
        return "".join(_encode_ascii(value, 0))

else:
    import json

    _decoder = json.JSONDecoder(parse_constant=_no_constant)
    scan = _decoder.scan_once
    _text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_not_json, allow_nan=False).encode
    _ascii = json.JSONEncoder(separators=(",", ":"), default=_not_json, allow_nan=False).encode

SPACE = " \t\n\r"
SCAN_ERRORS = (StopIteration, ValueError, RecursionError, SystemError)  # what scan raises; ask loads for the words


def loads(text):
    """The value of a JSON text; ValueError for any other."""
    if isinstance(text, (bytes, bytearray)):
        text = str(text, "utf-8")
    text = text.strip(SPACE)
    try:
        value, end = _scan(text)
    except StopIteration:
        raise ValueError("no JSON value") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if end != len(text):
        raise ValueError("more after the JSON value, at character %d" % end)
    return value


def _scan(text):
    try:
        return scan(text, 0)
    except SystemError:  # 3.10 and 3.11 find no class for their error before this is loaded
        import json.decoder  # noqa: F401

        return scan(text, 0)


def dumps(value):
    """The shortest JSON text of a value. Numbers that JSON lacks (NaN, the
    infinities) become null, as they do in JavaScript."""
    try:
        return _text(value)
    except (ValueError, RecursionError):  # such a number, or a value that holds itself
        return _text(_finite(value, ()))


def dump_bytes(value):
    text = dumps(value)
    try:
        return text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return dump_ascii(value).encode()


def dump_ascii(value):
    try:
        return _ascii(value)
    except (ValueError, RecursionError):
        return _ascii(_finite(value, ()))


def _finite(value, above):
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, (dict, list, tuple)):
        if id(value) in above:
            raise ValueError("the value contains itself: it has no JSON text")
        above += (id(value),)
        if isinstance(value, dict):
            return {_finite_key(key): _finite(item, above) for key, item in value.items()}
        return [_finite(item, above) for item in value]
    return value


def _finite_key(key):
    return repr(key) if isinstance(key, float) else key
