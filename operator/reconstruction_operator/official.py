"""The parts of the official client that the operator uses: they are imported from here.

`kubernetes/__init__.py` imports the synchronous half as well, with google-auth, requests, oauthlib and websockets: a
quarter of the time in which a replica starts, and a fifth of its memory. So the package is made known without running
that file; `kubernetes.client` and `kubernetes.config` can still be imported, as kopf does.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

if "kubernetes" not in sys.modules and (_package := PathFinder.find_spec("kubernetes")) is not None:
    sys.modules["kubernetes"] = module_from_spec(_package)

from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

__all__ = ["ConfigException", "Configuration", "RESTClientObject", "load_incluster_config", "load_kube_config"]
