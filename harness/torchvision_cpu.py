"""Let a CUDA build of torchvision be imported beside a CPU build of torch.

The package index carries one torchvision wheel per release, built for CUDA. Beside a CPU torch its compiled library
does not load, so its operators stay undeclared; torchvision then registers fake kernels for two of them anyway, and its
import fails. Declaring those two is enough: transforms, ``models.video``, optical flow, ``transformers`` and
``diffusers`` work, and only the operators themselves (``nms``, ``deform_conv2d``) and torchvision's own image
codecs stay unavailable.

:func:`install` costs a finder on ``sys.meta_path`` and imports nothing. Torch is imported when torchvision is, and a
CUDA build of torch, or a torchvision whose library loads, is left alone.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

_SCHEMAS = tuple(
    f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor" for operator in ("nms", "qnms")
)
_declared: list[Any] = []  # torch forgets a library's operators when the library object dies


def declare_missing_operators(folder: Path) -> bool:
    """Declare the operators that torchvision's import asks for, if its compiled library cannot.

    Args:
        folder: Folder of the torchvision package.

    Returns:
        True if operators were declared; False where nothing was needed (a CUDA build of torch, a library that loads).
    """
    import torch

    if torch.version.cuda is not None:
        return False
    try:
        for library in sorted(folder.glob("_C*.so")):
            torch.ops.load_library(library)
            return False
    except OSError:
        pass  # the CUDA libraries that it links to are not there: the case that this module is for
    library_of_schemas = torch.library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        library_of_schemas.define(schema)
    _declared.append(library_of_schemas)
    return True


class _Loader(importlib.abc.Loader):
    """Torchvision's own loader, with the operators declared just before the package runs."""

    def __init__(self, loader: Any, folder: Path) -> None:
        self._loader = loader
        self._folder = folder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        if not _declared:  # a second import after a failed first one
            declare_missing_operators(self._folder)
        self._loader.exec_module(module)


class TorchvisionFinder(importlib.abc.MetaPathFinder):
    """Finds the package ``torchvision`` as usual and wraps its loader; knows no other module."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the usual spec with a wrapped loader, or None for any other module."""
        if fullname != "torchvision":
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None or spec.origin is None:
            return None
        spec.loader = _Loader(spec.loader, Path(spec.origin).parent)
        return spec


def install() -> None:
    """Put the finder in front, once; without effect if torchvision has been imported already."""
    if not any(isinstance(finder, TorchvisionFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, TorchvisionFinder())
