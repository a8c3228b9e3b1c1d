import numpy as np
import pytest
import torch
from nerfstudio.field_components.encodings import HashEncoding

from reconstruction_worker.engines.rays.hash_encoding import accelerate, hash_encode, kernels
from reconstruction_worker.engines.training import hull_kernels

CPU = torch.device("cpu")


def encoding(levels: int = 6, log2_size: int = 10) -> HashEncoding:
    torch.manual_seed(3)
    return HashEncoding(
        num_levels=levels, max_res=256, log2_hashmap_size=log2_size, hash_init_scale=1.0, implementation="torch"
    )


def points() -> torch.Tensor:
    """Random ones, and all corners and the centre of the unit cube."""
    corners = torch.tensor(np.stack(np.meshgrid(*[[0.0, 0.5, 1.0]] * 3), -1).reshape(-1, 3), dtype=torch.float32)
    return torch.cat((torch.rand(2000, 3, generator=torch.Generator().manual_seed(1)), corners))


@pytest.mark.parametrize(("levels", "log2_size"), [(1, 4), (6, 10), (12, 17)])
def test_features_equal_those_of_nerfstudio(levels: int, log2_size: int) -> None:
    reference = encoding(levels, log2_size)
    ours = hash_encode(points(), reference.hash_table, reference.scalings, torch.empty(0))
    torch.testing.assert_close(ours, reference.pytorch_fwd(points()), rtol=0, atol=2e-4)


def test_gradients_equal_those_of_nerfstudio() -> None:
    reference, ours = encoding(), encoding()
    weights = torch.randn(len(points()), reference.get_out_dim(), generator=torch.Generator().manual_seed(2))
    (reference.pytorch_fwd(points()) * weights).sum().backward()
    (
        hash_encode(points(), ours.hash_table, ours.scalings, torch.empty_like(ours.hash_table)) * weights
    ).sum().backward()
    assert reference.hash_table.grad is not None
    torch.testing.assert_close(ours.hash_table.grad, reference.hash_table.grad, rtol=1e-3, atol=2e-3)


def test_gradients_of_several_uses_of_a_table_add_up() -> None:
    one, two = encoding(), encoding()
    (2 * hash_encode(points(), one.hash_table, one.scalings, torch.empty_like(one.hash_table))).sum().backward()
    for _ in range(2):
        hash_encode(points(), two.hash_table, two.scalings, torch.empty_like(two.hash_table)).sum().backward()
    torch.testing.assert_close(one.hash_table.grad, two.hash_table.grad)


def test_an_accelerated_encoding_trains_with_gradients_set_to_none_between_steps() -> None:
    trained, reference = encoding(), encoding()
    accelerate(trained, CPU)
    for model in (trained, reference):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad(set_to_none=True)
            model(points()).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(trained.hash_table, reference.hash_table, rtol=1e-3, atol=1e-4)


def test_accelerating_a_model_keeps_its_parameters_and_results() -> None:
    model = torch.nn.Sequential(encoding(), torch.nn.Linear(12, 1))
    before, names = model(points()), set(model.state_dict())
    assert accelerate(model, CPU) == 1
    assert set(model.state_dict()) == names
    torch.testing.assert_close(model(points()), before, rtol=0, atol=2e-4)


def test_encodings_of_another_width_are_left_alone() -> None:
    assert accelerate(HashEncoding(num_levels=2, features_per_level=4, implementation="torch"), CPU) == 0


def test_the_machine_code_of_an_earlier_process_is_found() -> None:
    """numba's cache tells functions apart by their closures, and no two processes have equal ones."""
    for compiled in (kernels().encode, kernels().scatter, hull_kernels.narrow):
        assert compiled.block.py_func.__closure__ is None
