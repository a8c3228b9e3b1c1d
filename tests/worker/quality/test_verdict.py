import pytest

from reconstruction_api.exports import Export
from reconstruction_api.formats import ExportFormat
from reconstruction_api.quality import Quality
from reconstruction_worker.geometry.texture_document import HeldOut, ShownView
from reconstruction_worker.quality.verdict import MESH, VIEWS, Verdict, judge, judged_mesh, of_what_is_delivered


@pytest.mark.parametrize(
    ("psnr", "ssim", "expected"),
    [
        (25.0, 0.85, Verdict.PASS),
        (24.99, 0.85, Verdict.WARN),
        (25.0, 0.849, Verdict.WARN),
        (20.0, 0.75, Verdict.WARN),
        (19.99, 0.99, Verdict.FAIL),
        (40.0, 0.749, Verdict.FAIL),
        (float("nan"), 0.9, Verdict.FAIL),
    ],
)
def test_both_numbers_must_reach_the_bar(psnr: float, ssim: float, expected: Verdict) -> None:
    assert judge(psnr, ssim, Quality()) is expected


def test_the_bar_is_the_jobs_own() -> None:
    bar = Quality.model_validate({"minPSNR": "30", "minSSIM": "0.95"})
    assert judge(28, 0.96, bar) is Verdict.WARN


def shown(psnr: float, ssim: float = 0.9, coverage: float = 0.8) -> HeldOut:
    views = [
        ShownView(name=f"{k}.png", coverage=coverage, psnr=psnr + k - 1, ssim=ssim, trained=k == 2) for k in range(3)
    ]
    return HeldOut(photos=3, coverage=coverage, psnr=psnr, ssim=ssim, views=views)


def exports(*formats: str) -> list[Export]:
    return [Export(format=ExportFormat(name)) for name in formats]


def test_a_mesh_is_judged_by_its_own_numbers_and_says_how_sure_they_are() -> None:
    mesh = judged_mesh(shown(26), Quality(), cut=False)
    assert (mesh.verdict, mesh.photos, mesh.trained) == (Verdict.PASS, 3, 1)
    assert mesh.psnr_margin == pytest.approx(4.303 / 3**0.5, abs=1e-3)  # Student's t for two degrees of freedom


def test_a_mesh_of_a_scene_that_covers_little_of_the_photos_does_not_pass_and_an_object_cut_out_does() -> None:
    assert judged_mesh(shown(26, coverage=0.1), Quality(), cut=False).verdict is Verdict.WARN
    assert judged_mesh(shown(26, coverage=0.1), Quality(), cut=True).verdict is Verdict.PASS
    assert judged_mesh(shown(10, coverage=0.1), Quality(), cut=True).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("formats", "expected"),
    [
        (["GLB", "OBJ"], ([MESH], Verdict.PASS)),
        (["SplatPLY"], ([VIEWS], Verdict.FAIL)),
        (["GLB", "SPZ"], ([MESH, VIEWS], Verdict.FAIL)),
    ],
)
def test_what_is_delivered_is_judged(formats: list[str], expected: tuple[list[str], Verdict]) -> None:
    mesh = judged_mesh(shown(26), Quality(), cut=False)
    assert of_what_is_delivered(Verdict.FAIL, mesh, exports(*formats)) == expected


def test_without_a_measured_mesh_the_trained_scene_is_judged() -> None:
    assert of_what_is_delivered(Verdict.WARN, None, exports("GLB")) == ([VIEWS], Verdict.WARN)
