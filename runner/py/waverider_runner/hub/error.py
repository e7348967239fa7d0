"""What every call of a client raises."""

KINDS = {
    400: "BAD_PARAMETERS",
    401: "NEED_AUTHENTICATION",
    403: "NOT_AUTHORIZED",
    404: "NOT_FOUND",
    410: "GONE",
    419: "INSUFFICIENT_RESOURCES",
    422: "UNPROCESSABLE_ENTITY",
}


def kind_of(status):
    if status is None:
        return "CANNOT_CONNECT"
    return KINDS.get(status) or ("SERVER_ERROR" if status >= 500 else "REQUEST_ERROR")


class HubError(Exception):
    """`status` is the HTTP status, None when there was no answer; `kind` names
    it, `message` is for people and `body` is what the Hub sent, as text."""

    def __init__(self, status, kind, message, body=None):
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.body = body

    def __reduce__(self):
        return type(self), (self.status, self.kind, self.message, self.body)

    @property
    def code(self):
        return self.kind

    def json(self):
        """The body as a value."""
        import json

        return json.loads(self.body)


def no_answer(request, reason):
    return HubError(None, kind_of(None), "%s: %s" % (request, reason or "no answer"))


def refusal(request, status, body):
    said = _said(body)
    return HubError(status, kind_of(status), "%s: %s" % (request, "%d %s" % (status, said) if said else status), body)


def _said(body):
    """What a body says to people."""
    import json

    try:
        value = json.loads(body)
        said = value.get("message") or value.get("error") or body
    except (ValueError, AttributeError):
        return body
    return said if isinstance(said, str) else json.dumps(said)
