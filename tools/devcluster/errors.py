"""The errors of this package."""


class DevclusterError(Exception):
    """Something that the person at the terminal can fix; the message says how."""


class NodeTakenError(DevclusterError):
    """Another cluster runs the node of this machine."""
