"""A backend with its own array type, as a GPU backend has, for machines without a GPU.

Its arrays hide a NumPy array, mix with no NumPy array and become one only by `to_numpy`, as CuPy's do. It computes with
the reference backend.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gemmconv.backends import backend_named


class DeviceArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array of the backend; its values are hidden from NumPy."""

    __module__ = "device"
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, hidden: Any) -> None:
        assert isinstance(hidden, np.ndarray)
        self.hidden = hidden

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("a device array does not become a NumPy array by itself")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        return call(getattr(ufunc, method), *inputs, **options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        attribute = getattr(self.hidden, name)
        return (lambda *a, **k: call(attribute, *a, **k)) if callable(attribute) and name != "dtype" else attribute

    def __len__(self) -> int:
        return len(self.hidden)

    def __bool__(self) -> bool:
        return bool(self.hidden)

    def __float__(self) -> float:
        return float(self.hidden)

    def __int__(self) -> int:
        return int(self.hidden)

    def __getitem__(self, index: Any) -> Any:
        return call(self.hidden.__getitem__, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        call(self.hidden.__setitem__, index, value)

    def __deepcopy__(self, memo: Any) -> DeviceArray:
        return DeviceArray(self.hidden.copy())


def call(function: Any, *arguments: Any, **options: Any) -> Any:
    """A function of NumPy arrays on device arrays; TypeError if one with axes is not on the device."""
    for value in flat((*arguments, *options.values())):
        if isinstance(value, np.ndarray) and value.ndim:
            raise TypeError("device and NumPy arrays do not mix")
    given = {id(part.hidden): part for part in flat((*arguments, *options.values())) if isinstance(part, DeviceArray)}
    answer = function(*map(opened, arguments), **{name: opened(value) for name, value in options.items()})
    out = given.get(id(answer))
    return closed(answer) if out is None else out


def flat(values: Any) -> list[Any]:
    return [part for value in values for part in (value if isinstance(value, tuple | list) else [value])]


def opened(value: Any) -> Any:
    if isinstance(value, DeviceArray):
        return value.hidden
    return type(value)(map(opened, value)) if type(value) in (tuple, list) else value


def closed(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return DeviceArray(np.asarray(value))
    if isinstance(value, tuple):
        parts = [closed(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


class Module:
    """NumPy's functions for device arrays; `asarray` copies to the device."""

    def asarray(self, value: Any, dtype: Any = None) -> DeviceArray:
        same = isinstance(value, DeviceArray) and dtype in (None, value.dtype)
        return value if same else DeviceArray(np.array(opened(value), dtype))

    def array(self, value: Any, dtype: Any = None) -> DeviceArray:
        return DeviceArray(np.array(opened(value), dtype))

    def ascontiguousarray(self, value: Any, dtype: Any = None) -> DeviceArray:
        return DeviceArray(np.ascontiguousarray(opened(value), dtype))

    def __getattr__(self, name: str) -> Any:
        function = getattr(np, name)
        return lambda *a, **k: call(function, *a, **k)


class DevicePlan:
    def __init__(self, plan: Any) -> None:
        self._plan = plan

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._plan, name)
        return (lambda *a: closed(call(attribute, *a))) if name in ("pack", "explain") else attribute

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return call(self._plan, *arguments, **options)


class DeviceBackend:
    name = "device"
    array_kind = "device arrays"
    array_maker = "device.asarray(...)"
    xp = Module()

    def owns(self, array: object) -> bool:
        return isinstance(array, DeviceArray)

    def to_numpy(self, array: DeviceArray) -> Any:
        return array.hidden.copy()

    def plan(self, *arguments: Any, **options: Any) -> DevicePlan:
        return DevicePlan(backend_named("reference").plan(*arguments, **options))

    def __getattr__(self, name: str) -> Any:
        function = getattr(backend_named("reference"), name)
        return lambda *a, **k: call(function, *a, **k)


BACKEND = DeviceBackend()
