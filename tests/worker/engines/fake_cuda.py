"""CUDA without a device: tensors that have shapes and a place but no values (torch's `FakeTensorMode`).

Code for a GPU runs as it is: every operation is dispatched, checked for its operands' devices and shapes, and counted;
none is computed. What depends on values gets an assumed answer: conditions are true, integers are one, masks are whole.
Backward passes are in `fake_backward`.
"""

from __future__ import annotations

import contextlib
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray
from torch._subclasses import FakeTensorMode, fake_tensor
from torch.utils._python_dispatch import TorchDispatchMode

GIB = 2**30
aten = torch.ops.aten

VIEWS = frozenset(
    {
        "_reshape_alias",
        "_unsafe_view",
        "alias",
        "as_strided",
        "detach",
        "diagonal",
        "empty",
        "empty_like",
        "empty_strided",
        "expand",
        "is_pinned",
        "lift_fresh",
        "new_empty",
        "new_empty_strided",
        "permute",
        "resize_",
        "select",
        "set_",
        "slice",
        "split",
        "split_with_sizes",
        "squeeze",
        "sym_numel",
        "sym_size",
        "sym_stride",
        "t",
        "transpose",
        "unbind",
        "unsqueeze",
        "view",
    }
)
"""Operations that start no kernel."""


@dataclass
class Usage:
    """What ran, and what is held on the fake device."""

    calls: Counter[str] = field(default_factory=Counter)
    """Operations that start a kernel or a copy, by name."""
    synchronisations: Counter[str] = field(default_factory=Counter)
    """Operations for which the processor waits until the device has done all that it was given."""
    live: int = 0
    """Bytes."""
    peak: int = 0
    product_types: set[torch.dtype] = field(default_factory=set)
    """Of the operands of the networks' layers."""
    _ignoring: bool = False
    _storages: dict[int, int] = field(default_factory=dict)

    @contextlib.contextmanager
    def part(self) -> Iterator[Usage]:
        """What happens within: its own counts, `peak` of all that is held, `live` as at its end."""
        before = Counter(self.calls), Counter(self.synchronisations)
        outer, self.peak = self.peak, self.live
        part = Usage()
        try:
            yield part
        finally:
            part.calls, part.synchronisations = self.calls - before[0], self.synchronisations - before[1]
            part.live, part.peak, self.peak = self.live, self.peak, max(outer, self.peak)

    @contextlib.contextmanager
    def uncounted(self, name: str | None = None) -> Iterator[None]:
        """What happens within is not counted, or as one call of that name."""
        if name is not None:
            self.calls[name] += 1
        before, self._ignoring = self._ignoring, True
        try:
            yield
        finally:
            self._ignoring = before

    def note(self, name: str, waits: bool, tensors: Iterable[torch.Tensor]) -> None:
        if self._ignoring:
            return
        self.calls[name] += 1
        if waits:
            self.synchronisations[name] += 1
        if name == "addmm":
            self.product_types |= {tensor.dtype for tensor in tensors}

    def hold(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        if tensor.device.type != "cuda" or storage._cdata in self._storages:
            return
        size = self._storages[storage._cdata] = storage.nbytes()
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._release, storage._cdata, size)

    def _release(self, key: int, size: int) -> None:
        if self._storages.pop(key, None) is not None:
            self.live -= size


class _Assume(TorchDispatchMode):
    def __init__(self, usage: Usage):
        super().__init__()
        self.usage = usage

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        self._count(func, args, kwargs)
        if func is aten._local_scalar_dense.default:
            return True if args[0].dtype == torch.bool else 1.0 if args[0].dtype.is_floating_point else 1
        if func is aten.nonzero.default:
            return torch.zeros((args[0].numel(), args[0].dim()), dtype=torch.int64, device=args[0].device)
        if func is aten.nonzero_numpy.default:
            return list(_whole([args[0].bool()]))
        if func is aten._pin_memory.default:
            pinned = args[0].clone()
            pinned.pinned = True
            return pinned
        if func in _INDEXING:
            args = (args[0], _whole(args[1]), *args[2:])
        result = func(*args, **kwargs)
        for value in result if isinstance(result, tuple | list) else [result]:
            if isinstance(value, torch.Tensor):
                self.usage.hold(value)
            if isinstance(value, fake_tensor.FakeTensor):
                value.constant = None  # a known value would be computed with, on the device
        return result

    def _count(self, func: Any, args: Any, kwargs: Any) -> None:
        namespace, _, name = func._schema.name.partition("::")
        if namespace == "prim" or name in VIEWS:
            return
        tensors = [value for value in _flat(args) if isinstance(value, torch.Tensor)]
        places = {tensor.device.type for tensor in tensors} | {torch.device(kwargs.get("device") or "cpu").type}
        if "cuda" not in places:
            return
        self.usage.note(name, _waits(func, args, kwargs), tensors)


_INDEXING = (aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default)
_DEPENDENT = (
    aten._local_scalar_dense.default,
    aten.nonzero.default,
    aten.nonzero_numpy.default,
    aten.masked_select.default,
    aten.equal.default,
)


def _waits(func: Any, args: Any, kwargs: Any) -> bool:
    if func in _DEPENDENT:
        return True
    if func in _INDEXING:
        return any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1])
    if func is aten._to_copy.default:
        source, target = args[0], torch.device(kwargs.get("device") or args[0].device)
        return source.device.type != target.type and not (kwargs.get("non_blocking") and _free_to_go(source))
    if func is aten.copy_.default:
        target, source, *non_blocking = args
        return target.device.type != source.device.type and not (any(non_blocking) and _free_to_go(source))
    return False


def _free_to_go(source: torch.Tensor) -> bool:
    """Whether a copy of it can be left to the device: memory that may be paged out is waited for."""
    return source.device.type == "cuda" or getattr(source, "pinned", False)


def _whole(indices: Any) -> list[Any]:
    """Masks as the indices of everything."""
    found: list[Any] = []
    for index in indices:
        if index is not None and index.dtype in (torch.bool, torch.uint8):
            found += [torch.zeros(index.numel(), dtype=torch.int64, device=index.device) for _ in range(index.dim())]
        else:
            found.append(index)
    return found


def _flat(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, tuple | list):
            yield from _flat(value)
        else:
            yield value


def _numpy(tensor: torch.Tensor, *_: Any, **__: Any) -> NDArray[Any]:
    assert tensor.device.type == "cpu", "a tensor on the device has to be copied first"
    dtype = np.dtype(str(tensor.dtype).removeprefix("torch."))
    if dtype.kind == "f":
        return np.random.default_rng(0).random(tensor.shape).astype(dtype)
    return np.zeros(tensor.shape, dtype)


def _apply(module: torch.nn.Module, function: Callable[[Any], Any], recurse: bool = True) -> torch.nn.Module:
    """`Module._apply` with new parameters: a fake tensor can't change its device in place."""
    for child in module.children():
        child._apply(function)
    for name, parameter in module._parameters.items():
        if parameter is not None:
            module._parameters[name] = torch.nn.Parameter(function(parameter.detach()), parameter.requires_grad)
    for name, buffer in module._buffers.items():
        if buffer is not None:
            module._buffers[name] = function(buffer)
    return module


@contextlib.contextmanager
def fake_cuda(free: int = 40 * GIB, total: int | None = None, capability: tuple[int, int] = (8, 0)) -> Iterator[Usage]:
    """A device with so many bytes free. Tensors that are made within are fake, those on the processor too."""
    usage = Usage()
    answers: dict[str, Any] = {
        "is_available": True,
        "is_current_stream_capturing": False,
        "mem_get_info": (free, total or free),
        "memory_reserved": 0,
        "memory_allocated": 0,
        "max_memory_allocated": 0,
        "empty_cache": None,
        "synchronize": None,
        "get_rng_state_all": [],
        "device_count": 1,
        "current_device": 0,
        "is_initialized": True,
        "_lazy_init": None,
        "is_bf16_supported": True,
        "get_device_name": "Fake GPU",
        "get_device_capability": capability,
        "get_arch_list": ["sm_75", "sm_80", "sm_90", "sm_120"],
        "utilization": 50,
    }
    with contextlib.ExitStack() as stack:
        for name, answer in answers.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, lambda *_, answer=answer, **__: answer))
        stack.enter_context(mock.patch.object(torch.nn.Module, "_apply", _apply))
        stack.enter_context(mock.patch.object(fake_tensor.FakeTensor, "numpy", _numpy))
        stack.enter_context(mock.patch.object(fake_tensor, "init_gpu_context", lambda *_, **__: None))
        always = mock.PropertyMock(return_value=True)
        stack.enter_context(mock.patch.object(FakeTensorMode, "avoid_device_init", always))
        stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
        stack.enter_context(_Assume(usage))
        yield usage
