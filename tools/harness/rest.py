"""Requests to an API server with bodies as they stand in a file: what `kubectl apply` would send, word for word."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client, config

from reconstruction_api import names

GROUP = f"/apis/{names.GROUP}/{names.VERSION}"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@dataclass(frozen=True)
class Answer:
    """What the API server said."""

    status: int
    body: dict[str, Any]

    @property
    def message(self) -> str:
        """The explanation of a refusal."""
        return self.body.get("message", "")


class Rest:
    """An API server, with an administrator's rights."""

    def __init__(self, kubeconfig: Path) -> None:
        api = config.new_client_from_config(str(kubeconfig))
        self._address = api.configuration.host
        self._pool = client.ApiClient(api.configuration).rest_client.pool_manager

    def send(
        self,
        method: str,
        path: str,
        body: str = "",
        *,
        content: str = "application/yaml",
        accept: str = "",
        user: str = "",
    ) -> Answer:
        """One request, decoded strictly: an unknown or repeated field is an error, as in kubectl. With a `user` it is
        made with that user's rights."""
        separator = "&" if "?" in path else "?"
        answer = self._pool.request(
            method,
            f"{self._address}{path}{separator}fieldValidation=Strict" if method != "GET" else self._address + path,
            body=body.encode() if body else None,
            headers={"Content-Type": content, "Accept": accept or "application/json"}
            | ({"Impersonate-User": user} if user else {}),
        )
        is_json = "json" in answer.headers.get("Content-Type", "")
        return Answer(answer.status, json.loads(answer.data) if is_json else {"message": answer.data.decode()})

    def apply(self, path: str, text: str, manager: str = "test", *, dry_run: bool = False) -> Answer:
        """Server-side apply."""
        query = f"fieldManager={manager}&force=true{'&dryRun=All' if dry_run else ''}"
        return self.send("PATCH", f"{path}?{query}", text, content="application/apply-patch+yaml")

    def install(self, definitions: list[Path]) -> None:
        """Apply CustomResourceDefinitions and wait until the server serves them."""
        for file in definitions:
            path = f"{DEFINITIONS}/{file.stem}.{names.GROUP}"
            applied = self.apply(path, file.read_text(encoding="utf-8"))
            assert applied.status in (200, 201), applied.message
            deadline = time.monotonic() + 180
            while not self._is_served(path, file.stem):
                assert time.monotonic() < deadline, f"{file.stem} is not served after 180 s"
                time.sleep(0.05)

    def _is_served(self, path: str, plural: str) -> bool:
        conditions = self.send("GET", path).body.get("status", {}).get("conditions") or []
        established = {"type": "Established", "status": "True"}
        return (
            any(established.items() <= condition.items() for condition in conditions)
            and self.send("GET", f"{GROUP}/{plural}").status == 200
        )
