"""kubectl as a function."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import tools
from .errors import DevclusterError
from .processes import run


@dataclass(frozen=True)
class Kubectl:
    """kubectl for one cluster and one namespace."""

    kubeconfig: Path | None
    """None for whatever kubectl finds by itself (KUBECONFIG, ~/.kube/config)."""
    namespace: str = "default"

    @property
    def environment(self) -> dict[str, str]:
        """Environment in which kubectl and helm talk to this cluster."""
        path = {"PATH": f"{tools.folder()}:{os.environ.get('PATH', '')}"}
        return os.environ | path | ({"KUBECONFIG": str(self.kubeconfig)} if self.kubeconfig else {})

    def command(self, *words: str) -> list[str]:
        """The command line, for those who run it themselves."""
        return [str(tools.folder() / "kubectl"), f"--namespace={self.namespace}", *words]

    def __call__(self, *words: str) -> str:
        """Run to the end and return the output; raises DevclusterError with what kubectl said."""
        return run(*self.command(*words), environment=self.environment)

    def get(self, *words: str) -> dict[str, Any] | None:
        """An object, or a list of them, as JSON; None when it is not there."""
        text = self("get", *words, "--output=json", "--ignore-not-found")
        return json.loads(text) if text.strip() else None

    def apply(self, *documents: dict[str, Any], dry_run: bool = False) -> None:
        """Create objects, or change them to what is given. A dry run has the server check them and keeps nothing."""
        flags = ["--dry-run=server"] if dry_run else []
        self._with_input({"apiVersion": "v1", "kind": "List", "items": documents}, "apply", "--filename=-", *flags)

    def create(self, document: dict[str, Any]) -> str:
        """Create an object; the server's answer as JSON."""
        return self._with_input(document, "create", "--filename=-", "--output=json")

    def _with_input(self, document: dict[str, Any], *words: str) -> str:
        result = subprocess.run(
            self.command(*words),
            check=False,
            input=json.dumps(document),
            capture_output=True,
            text=True,
            env=self.environment,
        )
        if result.returncode:
            raise DevclusterError(f"kubectl {words[0]} failed: {result.stderr.strip()}")
        return result.stdout
