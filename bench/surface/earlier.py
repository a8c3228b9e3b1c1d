"""The same photos, time and size with the code of an earlier commit, its mesh judged by the evaluator of today."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from demo import layout
from reconstruction_worker.geometry.atlas import Atlas, unwrap
from reconstruction_worker.geometry.bake import BLENDINGS, baked_in_each_way
from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.geometry.pages import Pages
from reconstruction_worker.geometry.ply_file import read_ply
from reconstruction_worker.geometry.scene import View, load_scene
from reconstruction_worker.quality.delivered import Shown, shown_by_mesh

from ..finished import document, seconds_of_stages
from ..machine import machine
from .figures import main_piece_share
from .running import job, reconstruct
from .sets import WORK, PhotoSet

CHECKOUTS = layout.ROOT / ".cache" / "commits"


@dataclass(frozen=True)
class Figures:
    """Means over photos that the colours were made without."""

    coverage: float
    psnr: float
    ssim: float


@dataclass(frozen=True)
class EarlierRow:
    """A set with the code of an earlier commit, beside today's."""

    commit: str
    photos: int
    """That both show, and that both are judged by."""
    mesh: Figures
    """The earlier mesh, with colours made as they are made today, where today's masks leave something to show."""
    now: Figures
    """Today's mesh on the same photos."""
    own_colours: Figures
    """The earlier mesh with the texture that it was delivered with, which these photos are in."""
    faces: int
    main_piece_share: float
    seconds: float
    """All stages."""
    cpu_seconds: float
    peak_rss_mib: float
    machine: dict[str, Any]


@dataclass(frozen=True)
class AsToday(View):
    """A photo of an earlier run, of which is wanted what today's run takes for the object: an earlier one may have had
    no masks, and a black backdrop is easily right."""

    today: Path = Path()

    def photo(self) -> NDArray[np.uint8]:
        photo = super().photo()
        with Image.open(self.today) as today:
            alpha = today.convert("RGBA").getchannel("A").resize((photo.shape[1], photo.shape[0]))
        photo[..., 3] = np.asarray(alpha)
        return photo


def folder_of(photo_set: PhotoSet, commit: str) -> Path:
    """Where its run is."""
    return WORK / f"{photo_set.name}-{commit}"


def measure(
    photo_set: PhotoSet, photos: Path, now: Path, commit: str, row: dict[str, Any], *, finished: bool
) -> EarlierRow:
    """`now` is today's workspace, `row` its figures. A run of before is used where it is `finished` and may be. The job
    asks for what the commit's users got: its own engine, and nothing that a set asks for beside."""
    folder = folder_of(photo_set, commit)
    notes, before = folder / "usage.json", machine()
    if not (finished and notes.exists()):
        print(f"{photo_set.name}: with the code of {commit}", flush=True)
        _, usage = reconstruct(
            job(photo_set.name, photos, row["budget_seconds"], row["side"]), folder, checkout(commit)
        )
        notes.write_text(json.dumps({**asdict(usage), "machine": before}, indent=1))
    used, workspace = json.loads(notes.read_text()), folder / "result" / "workspace"
    shown_now = document(now, "texture/texture.json")["heldOut"]["views"]
    scene = load_scene(workspace)
    names = [view["name"] for view in shown_now if view["name"] in {one.name for one in scene.views}]
    untouched = {*names, *document(now, "train/split.json")["eval"]}
    today = {view.name: view.image for view in load_scene(now).views}
    judged = [AsToday(**vars(view), today=today[view.name]) for view in scene.views if view.name in names]
    others = [view for view in scene.views if view.usable and view.name not in untouched]
    found = judged_mesh(workspace, judged, others, document(now, "texture/texture.json")["size"])
    both = {shown.name for shown in found}
    mesh = read_ply(workspace / "mesh" / "mesh.ply")
    return EarlierRow(
        commit=commit,
        photos=len(both),
        mesh=mean(found),
        now=mean(
            [Shown(one["name"], one["coverage"], one["psnr"], one["ssim"]) for one in shown_now if one["name"] in both]
        ),
        own_colours=mean(shown_by_mesh(*delivered(workspace), [view for view in judged if view.name in both])),
        faces=len(mesh.faces),
        main_piece_share=main_piece_share(mesh),
        seconds=round(sum(seconds_of_stages(workspace).values()), 1),
        cpu_seconds=used["cpu_seconds"],
        peak_rss_mib=used["peak_rss_mib"],
        machine=used["machine"],
    )


def checkout(commit: str) -> Path:
    """The files of a commit, in a folder of their own."""
    folder = CHECKOUTS / commit
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        archive = subprocess.run(["git", "archive", commit], cwd=layout.ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "--extract"], cwd=folder, check=True, input=archive)
        (folder / "complete").touch()
    return folder


def judged_mesh(workspace: Path, judged: Sequence[View], others: list[View], size: int) -> list[Shown]:
    """What the workspace's mesh shows of the photos `judged` with colours of the `others`, blended as suits it best."""
    surface = Pages(unwrap(read_ply(workspace / "mesh" / "mesh.ply"), size), size)
    baked = baked_in_each_way(surface, others, BLENDINGS)
    found = [shown_by_mesh(surface.atlas, each.picture, judged) for each in baked]
    return max(found, key=lambda shown: mean(shown).psnr)


def delivered(workspace: Path) -> tuple[Atlas, NDArray[np.uint8]]:
    """The textured mesh as the stage `texture` left it."""
    folder = workspace / "texture"
    with np.load(folder / "mesh.npz") as arrays:
        atlas = Atlas(Mesh(arrays["vertices"].astype(np.float64), arrays["faces"]), arrays["normals"], arrays["uv"], 0)
    return atlas, np.asarray(Image.open(folder / "basecolor.png").convert("RGB"))


def mean(found: list[Shown]) -> Figures:
    """Of at least one."""
    return Figures(
        coverage=round(fmean(one.coverage for one in found), 4),
        psnr=round(fmean(one.psnr for one in found), 3),
        ssim=round(fmean(one.ssim for one in found), 4),
    )
