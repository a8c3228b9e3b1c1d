"""The few requests that setting up a cluster needs, without a Kubernetes client library."""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import DevclusterError


class Api:
    """An API server on this machine, spoken to as administrator."""

    def __init__(self, root: Path, port: int):
        self.address = f"https://127.0.0.1:{port}"
        self.context = ssl.create_default_context(cafile=str(root / "pki/ca.crt"))
        self.context.load_cert_chain(root / "pki/admin.crt", root / "pki/admin.key")

    def get(self, path: str, timeout: float = 5) -> Any:
        """The answer to GET, decoded when it is JSON; None for 404. Raises OSError when the server does not answer."""
        try:
            with urllib.request.urlopen(self.address + path, context=self.context, timeout=timeout) as answer:
                text = answer.read().decode()
                return json.loads(text) if answer.headers.get_content_type() == "application/json" else text
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def create(self, path: str, document: dict[str, Any]) -> None:
        """POST an object; one that is there already stays as it is."""
        request = urllib.request.Request(
            self.address + path, json.dumps(document).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        try:
            with urllib.request.urlopen(request, context=self.context, timeout=10):
                pass
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise

    def wait(self, what: str, condition: Callable[[Api], bool], log: Path, timeout: float = 180) -> None:
        """Return once `condition` holds; requests that fail on the way count as not yet.

        Raises DevclusterError with `what` and the end of the log of the program that is to blame.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                if condition(self):
                    return
            except OSError:
                pass
            time.sleep(0.1)
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-8:]) if log.exists() else ""
        raise DevclusterError(f"{what} did not come about in {timeout:.0f} s; end of {log}:\n{tail}")
