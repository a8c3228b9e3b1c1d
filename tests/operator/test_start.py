"""What the operator loads when it starts."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import reconstruction_operator.application
print(*sys.modules)
import kubernetes.client, kubernetes.config
kubernetes.client.V1Job, kubernetes.config.load_kube_config
"""


def test_of_the_official_client_only_the_asynchronous_half_is_loaded_and_what_kopf_may_ask_for_can_be() -> None:
    said = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    loaded = set(said.stdout.split())
    assert "kubernetes.aio.client" in loaded
    assert not loaded & {"google.auth", "requests", "websocket", "kubernetes.dynamic", "kubernetes.config"}
