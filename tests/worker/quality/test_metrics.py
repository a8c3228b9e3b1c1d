import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from reconstruction_worker.quality.metrics import over_white, photo_over_white, psnr, ssim


def pictures(height: int = 40, width: int = 56) -> tuple[np.ndarray, np.ndarray]:
    """A smooth picture and a noisy copy."""
    y, x = np.mgrid[:height, :width]
    reference = np.stack([0.5 + 0.4 * np.sin(x / 5), 0.5 + 0.4 * np.cos(y / 7), (x + y) / (height + width)], -1)
    noise = np.random.default_rng(5).normal(0, 0.05, reference.shape)
    return (reference + noise).clip(0, 1), reference


def test_psnr_equals_that_of_scikit_image() -> None:
    noisy, reference = pictures()
    assert psnr(noisy, reference) == pytest.approx(peak_signal_noise_ratio(reference, noisy, data_range=1), abs=1e-9)


def test_psnr_of_equal_pictures_is_a_number() -> None:
    reference = pictures()[1]
    assert psnr(reference, reference) == psnr(reference, reference + 1e-9) == 100


def test_psnr_of_what_is_not_finite_is_no_number() -> None:
    reference = pictures()[1]
    assert math.isnan(psnr(reference * math.nan, reference))


def test_ssim_equals_that_of_scikit_image_with_the_published_window() -> None:
    noisy, reference = pictures()
    expected = structural_similarity(
        reference,
        noisy,
        channel_axis=2,
        data_range=1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim(noisy, reference) == pytest.approx(expected, abs=1e-9)


def test_ssim_equals_that_of_torchmetrics_inside_the_picture() -> None:
    from torchmetrics.functional import structural_similarity_index_measure  # takes seconds

    noisy, reference = pictures()
    ours, theirs = (torch.from_numpy(picture).permute(2, 0, 1)[None] for picture in (noisy, reference))
    _, everywhere = structural_similarity_index_measure(ours, theirs, data_range=1.0, return_full_image=True)
    assert ssim(noisy, reference) == pytest.approx(float(everywhere[..., 5:-5, 5:-5].mean()), abs=1e-6)


def test_ssim_refuses_a_picture_smaller_than_its_window() -> None:
    with pytest.raises(ValueError, match="11x11"):
        ssim(np.zeros((10, 40, 3)), np.zeros((10, 40, 3)))


def test_a_transparent_photo_is_seen_in_front_of_white() -> None:
    photo = np.zeros((1, 3, 4), np.uint8)
    photo[0, :, 3] = [0, 255, 51]
    np.testing.assert_allclose(photo_over_white(photo)[0, :, 0], [1, 0, 0.8])


def test_a_photo_without_alpha_is_unchanged() -> None:
    photo = np.full((2, 2, 3), 51, np.uint8)
    np.testing.assert_allclose(photo_over_white(photo), 0.2)


def test_colours_that_are_not_premultiplied_are_weighted_by_their_alpha() -> None:
    assert over_white(np.full((1, 1, 3), 0.5), np.full((1, 1), 0.5))[0, 0, 0] == pytest.approx(0.75)
