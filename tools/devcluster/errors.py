"""The one error of this package."""


class DevclusterError(Exception):
    """Something that the person at the terminal can mend; the message says how."""
