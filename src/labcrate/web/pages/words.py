"""Words of the core that pages show in the reader's language: listed here, so that each has its translation.

A test compares them with the core's own: a new one there is missed here.
"""


def _marked(word: str) -> str:
    """The word itself; what stands in a call of this is found by the extraction of messages."""
    return word


STATES = (_marked("complete"), _marked("complete, with warnings"), _marked("incomplete"))
STATUSES = (_marked("active"), _marked("completed"), _marked("error"))
OUTCOMES = (_marked("running"), _marked("finished"), _marked("aborted"), _marked("broken"))
WAYS = (_marked("login"), _marked("token"), _marked("command line"))
RULES = (
    _marked("name"),
    _marked("folder"),
    _marked("register"),
    _marked("unknown prefix"),
    _marked("no separator"),
    _marked("leading zeros"),
    _marked("marker first"),
    _marked("bare number"),
    _marked("ambiguous"),
    _marked("not MP4"),
    _marked("wrong folder name"),
    _marked("number runs on"),
    _marked("separator inside the marker"),
    _marked("short marker"),
    _marked("right time, no ID"),
    _marked("other session"),
    _marked("no session in the name"),
    _marked("not a recording"),
    _marked("hidden file"),
    _marked("symbolic link"),
)
SEVERITIES = (_marked("problem"), _marked("warning"), _marked("hint"))
EXCLUDED = _marked("excluded")
SENTENCES = (
    _marked("Name and password do not fit."),
    _marked("The two passwords are not the same."),
    _marked("This is not your present password."),
    _marked("A password has at least 10 characters."),
    _marked("A password has at most 1024 characters."),
    _marked("A password holds no line breaks and no other characters that cannot be typed."),
    _marked("A password is not the user's own name."),
    _marked(
        "This password is among the first that somebody would try; choose another one, such as four words that have "
        "nothing to do with each other."
    ),
    _marked("Many people are logging in just now; wait a few seconds, and try again."),
    _marked("This page is out of date; load it again, and do it once more."),
    _marked("This is not the link that 'labcrate serve' printed when it started; open that one."),
    _marked("There is nothing at this address."),
    _marked("Something unexpected happened; the server's log says what. Try again, and tell the administrator."),
)
