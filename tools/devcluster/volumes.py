"""Opens the volumes of the controller manager's host-path provisioner to pods that are not root.

The provisioner makes folders that only root may enter; a real storage driver would apply the pod's fsGroup, which does
not reach host paths. Runs as a program of its own beside the node, until it is stopped.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

PROVISIONED: Final = Path("/tmp/hostpath_pv")
"""Where Kubernetes' host-path provisioner puts its volumes; the path is fixed there."""
OPEN_TO_ALL: Final = 0o777


def open_to_pods(folder: Path) -> None:
    """Let every user read and write the provisioned volumes."""
    for path in (folder, *folder.glob("*")) if folder.exists() else ():
        try:
            if path.stat().st_mode & OPEN_TO_ALL != OPEN_TO_ALL:
                path.chmod(OPEN_TO_ALL)
        except FileNotFoundError:
            continue  # deleted in between


if __name__ == "__main__":
    while True:
        open_to_pods(PROVISIONED)
        time.sleep(0.2)
