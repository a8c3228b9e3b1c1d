"""A connection to a cluster, found as kubectl finds it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlencode

import urllib3
import yaml
from kubernetes.client import ApiClient, Configuration
from kubernetes.config import ConfigException, load_incluster_config, load_kube_config
from kubernetes.config.kube_config import KubeConfigMerger

from reconstruction_api.errors import ReconstructionError

from .commands.options import Target
from .problems import no_api_server, refusal, unreachable

Document = dict[str, Any]

MERGE_PATCH: Final = "application/merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"
FIELD_MANAGER: Final = "recon"

_CONNECT_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 30.0
_PAGE: Final = 500
_SERVICE_ACCOUNT_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class Disconnected(Exception):  # noqa: N818 - not an error: whoever follows something connects again
    """An answer that never ends has broken off."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said."""

    status: int
    """HTTP status: 201 where something was created."""
    body: Document


class Cluster:
    """Calls to one API server, with plain dictionaries.

    Every call raises ReconstructionError: ClusterUnreachable when there is no answer, otherwise what `refusal` makes of
    the answer.
    """

    def __init__(self, configuration: Configuration, namespace: str):
        self.configuration = configuration
        self.namespace = namespace
        """The namespace that the user meant."""
        if not configuration.verify_ssl:  # the kubeconfig says so
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        configuration.keep_alive = True  # a connection that silently went away is noticed
        self._client = ApiClient(configuration)
        self._pool = self._client.rest_client.pool_manager

    def call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Document | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Answer:
        """One call with a JSON answer."""
        text = json.dumps(body) if body is not None else None
        headers = {"Accept": accept, "Content-Type": content_type}
        response = self._send(method, path, query or {}, headers, _ANSWER_SECONDS, text)
        try:
            data = response.data
        except urllib3.exceptions.HTTPError as error:
            raise unreachable(self.configuration.host, error) from None
        try:
            return Answer(response.status, json.loads(data) if data else {})
        except ValueError:
            raise no_api_server(self.configuration.host) from None

    def get(self, path: str) -> Document:
        return self.call("GET", path).body

    def patch(self, path: str, body: Document) -> Document:
        """A JSON merge patch."""
        query = {"fieldManager": FIELD_MANAGER}
        return self.call("PATCH", path, query=query, body=body, content_type=MERGE_PATCH).body

    def pages(
        self, path: str, query: dict[str, str] | None = None, accept: str = "application/json"
    ) -> Iterator[Document]:
        """A list, in as many parts as the server makes of it."""
        query = {**(query or {}), "limit": str(_PAGE)}
        while True:
            page = self.call("GET", path, query=query, accept=accept).body
            yield page
            token = page.get("metadata", {}).get("continue")
            if not token:
                return
            query["continue"] = token

    def lines(self, path: str, query: dict[str, str], silence_seconds: float | None) -> Iterator[bytes]:
        """An answer that never ends, line by line, without line ends.

        Raises Disconnected when it breaks off, or when nothing has come for `silence_seconds`.
        """
        response = self._send("GET", path, query, {"Accept": "*/*"}, silence_seconds)
        rest = b""
        try:
            for chunk in response.stream(2**16):
                *complete, rest = (rest + chunk).split(b"\n")
                yield from complete
        except urllib3.exceptions.HTTPError as error:
            raise Disconnected(str(error)) from None
        finally:
            response.close()
        if rest:
            yield rest

    def authorization(self, path: str) -> dict[str, str]:
        """Headers that say who is asking; client certificates are in `configuration`."""
        headers: dict[str, str] = {}
        self._client.update_params_for_auth(headers, [], ["BearerToken"], path, "GET", None)
        return headers

    def _send(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        headers: dict[str, str],
        answer_seconds: float | None,
        body: str | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """A request whose answer is good; its content has not been read yet."""
        url = self.configuration.host + path + (f"?{urlencode(query)}" if query else "")
        headers = {**headers, **self.authorization(path), "User-Agent": "recon"}
        timeout = urllib3.Timeout(connect=_CONNECT_SECONDS, read=answer_seconds)
        try:
            response = self._pool.request(
                method, url, body=body, headers=headers, timeout=timeout, retries=False, preload_content=False
            )
            if response.status > 299:
                raise refusal(response.status, response.data)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unreachable(self.configuration.host, error) from None
        return response


def connect(target: Target) -> Cluster:
    """The cluster of the kubeconfig's context; inside a pod without one, the pod's own.

    Raises KubeconfigInvalid.
    """
    files = target.kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    configuration = Configuration()
    if not any(Path(file).expanduser().exists() for file in files.split(os.pathsep) if file):
        return Cluster(configuration, _inside_pod(configuration, target, files))
    try:
        name, context = _context(target.context, KubeConfigMerger(files))
        load_kube_config(files, name, configuration)
    except ConfigException as error:
        raise ReconstructionError("KubeconfigInvalid", f"{files}: {str(error).rstrip('.')}.") from None
    except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError):
        raise ReconstructionError("KubeconfigInvalid", f"{files} can't be read as a kubeconfig.") from None
    return Cluster(configuration, target.namespace or context.get("namespace") or "default")


def _context(wanted: str | None, merged: KubeConfigMerger) -> tuple[str, Document]:
    """Name and content of the context to use."""
    config: Document = cast(Any, merged.config).value
    contexts = {entry["name"]: entry["context"] for entry in (node.value for node in config["contexts"])}
    name: str = wanted or config.get("current-context") or ""
    if name in contexts:
        return name, contexts[name]
    known = ", ".join(contexts) or "none"
    problem = f"has no context '{name}'" if name else "names no current context"
    raise ReconstructionError("KubeconfigInvalid", f"The kubeconfig {problem}. Its contexts: {known}.")


def _inside_pod(configuration: Configuration, target: Target, files: str) -> str:
    """Load the pod's own service account; the namespace to use."""
    try:
        if target.kubeconfig or target.context:
            raise ConfigException
        load_incluster_config(configuration)
    except ConfigException:
        raise ReconstructionError("KubeconfigInvalid", f"There is no kubeconfig: {files} does not exist.") from None
    return target.namespace or _SERVICE_ACCOUNT_NAMESPACE.read_text().strip()
