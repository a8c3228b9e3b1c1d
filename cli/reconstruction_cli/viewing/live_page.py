"""The page that `recon view` opens: the training as it goes, then the report in a frame."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import Final


def _asset(name: str) -> str:
    return (files("reconstruction_cli.viewing") / "assets" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_STYLE: Final = _asset("live.css")
_SCRIPT: Final = _asset("live.js")
ICON: Final = _asset("icon.svg")
PAGE: Final = _asset("live.html").replace("/*style*/", _STYLE).replace("/*script*/", _SCRIPT)
POLICY: Final = (
    f"default-src 'none'; script-src {_hash(_SCRIPT)}; style-src {_hash(_STYLE)}; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
