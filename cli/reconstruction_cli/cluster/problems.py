"""What a cluster says when it refuses, in the words of the catalogue."""

from __future__ import annotations

import json
import re
from typing import Any, Final
from urllib.parse import urlsplit

from reconstruction_api.errors import CATALOGUE, ReconstructionError

_PREFIX: Final = re.compile(r'^(Invalid value: ((".*?"|\{.*?\}|-?[0-9.]+): )?|Forbidden: |Required value: )')
"""What the API server puts before a rule's own message."""


def unreachable(host: str, error: Exception) -> ReconstructionError:
    """No answer from the API server at `host` (a URL)."""
    reasons = {
        "NewConnectionError": "the connection is refused",
        "ConnectTimeoutError": "nothing answers there",
        "ReadTimeoutError": "the answer takes too long",
        "NameResolutionError": "the host name is unknown",
        "SSLError": "its certificate is not trusted",
        "ProxyError": "the proxy does not let the connection through",
    }
    reason = reasons.get(type(error).__name__, "the connection was interrupted")
    return ReconstructionError("ClusterUnreachable", f"No answer from {urlsplit(host).netloc or host}: {reason}.")


def no_api_server(host: str) -> ReconstructionError:
    """An answer that no API server gives: a login page, another service."""
    message = f"{urlsplit(host).netloc or host} answers, but not as a Kubernetes API server."
    return ReconstructionError(
        "ClusterUnreachable", message, suggestion="Check the server of the kubeconfig's context."
    )


def refusal(status: int, data: bytes) -> ReconstructionError:
    """An answer of the API server with an HTTP status above 299."""
    answer = _status_object(data)
    message = str(answer.get("message") or data[:200].decode(errors="replace")).strip()
    if status == 401:
        return ReconstructionError("ClusterAccessDenied", "The cluster does not know who you are.")
    if status == 403:
        return _forbidden(message)
    if status == 404:
        return _not_found(answer)
    if status == 409:
        return _conflict(answer, message)
    if status in (400, 422):
        return _invalid(answer, message)
    return ReconstructionError("ClusterUnreachable", f"The cluster answers with status {status}: {message}")


def _status_object(data: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(data)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) and answer.get("kind") == "Status" else {}


def _forbidden(message: str) -> ReconstructionError:
    if "exceeded quota" in message:
        return ReconstructionError("QuotaExceeded", f"{message.partition('is forbidden: ')[2] or message}.")
    return ReconstructionError("ClusterAccessDenied", f"{message.partition('is forbidden: ')[2] or message}.")


def _not_found(answer: dict[str, Any]) -> ReconstructionError:
    details = answer.get("details") or {}
    if not details.get("name"):  # the server knows no such kind
        return ReconstructionError("OperatorNotInstalled", "The cluster does not know ReconstructionJobs.")
    kind = str(details.get("kind", "object")).removesuffix("s")
    names = {"reconstructionjob": "job", "persistentvolumeclaim": "volume claim"}
    return ReconstructionError("ObjectNotFound", f"There is no {names.get(kind, kind)} '{details['name']}'.")


def _conflict(answer: dict[str, Any], message: str) -> ReconstructionError:
    causes = (answer.get("details") or {}).get("causes") or []
    lines = [f"{cause.get('field', '').removeprefix('.')}: {cause.get('message', '')}" for cause in causes]
    if not lines:
        return ReconstructionError("ClusterUnreachable", f"{message.rstrip('.')}.", suggestion="Try again.")
    return ReconstructionError("FieldConflict", "\n".join(lines))


def _invalid(answer: dict[str, Any], message: str) -> ReconstructionError:
    """The API server's own words about each field. A rule's message may begin with its code of the catalogue."""
    lines: list[str] = []
    code = "InvalidSpec"
    for cause in (answer.get("details") or {}).get("causes") or []:
        text = _PREFIX.sub("", cause.get("message", ""), count=1)
        named, separator, rest = text.partition(": ")
        if separator and named in CATALOGUE:
            code, text = named, rest
        line = f"{cause.get('field', '')}: {text}"
        if cause.get("message") and line not in lines:
            lines.append(line)
    return ReconstructionError(code, "\n".join(lines) or message)
