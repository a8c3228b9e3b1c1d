import pytest

from reconstruction_api.job import Quality
from reconstruction_worker.quality.verdict import Verdict, judge


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
