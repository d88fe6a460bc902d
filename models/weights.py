"""Weight files: safetensors with one JSON header, so that equal weights and facts are equal bytes; no pickle."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from harness.assets.packed import REINSTALL, packed_path, unpacked, unpacked_path
from harness.device import parse_device
from harness.errors import DiptychError
from harness.files import file_sha256, write_atomically
from harness.types import Data
from models.assets.zoo import ZOO as SHIPPED

Shape = TypeVar("Shape", bound=Data)
Network = TypeVar("Network", bound=nn.Module)
ZOO = Path(__file__).parent / "zoo"
HEADER = "diptych"  # one key: safetensors writes several in any order, and then equal files differ in bytes


def zoo_path(file_name: str) -> Path:
    """A weight file of the zoo by its name, unpacked into the cache if it ships packed, or any path that exists.

    Raises:
        DiptychError: Neither; names the weight files that the zoo has. Or it ships packed, and is damaged, or the cache
            cannot be written.
    """
    if (ZOO / file_name).is_file():
        return ZOO / file_name
    if _packed(file_name):
        return unpacked(packed_path(ZOO / file_name), SHIPPED[file_name][0])
    if Path(file_name).is_file():
        return Path(file_name)
    plain = (path.name for path in ZOO.glob("*.safetensors"))
    have = ", ".join(sorted({*plain, *filter(_packed, SHIPPED)})) or "none"
    raise DiptychError(f"there are no weights {file_name!r}. Weights in the zoo: {have}. See: diptych list models")


def _packed(file_name: str) -> bool:
    return file_name in SHIPPED and packed_path(ZOO / file_name).is_file()


def weights_sha256(file_name: str) -> str:
    """SHA-256 of a weight file in the zoo (or at a path), for the record of what a number depends on."""
    return file_sha256(zoo_path(file_name))


def write_weights(path: Path, model: nn.Module, shape: Data, facts: Mapping[str, Any], dtype: torch.dtype) -> None:
    """Write a model's tensors in ``dtype``, its shape, and ``facts`` (JSON: how it was trained), atomically."""
    tensors = {name: value.detach().cpu().to(dtype).contiguous() for name, value in model.state_dict().items()}
    header = {"shape": shape.model_dump(mode="json"), "facts": dict(facts)}
    write_atomically(path, save(tensors, {HEADER: json.dumps(header, sort_keys=True)}))


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors of a safetensors file, and its header: ``shape`` and ``facts``, or nothing where others wrote it.

    Raises:
        DiptychError: Not a safetensors file (nothing else is ever loaded), a damaged header, or a file of the zoo with
            other bytes than it was shipped with; names both hashes.
    """
    expected = SHIPPED[path.name][0] if path.name in SHIPPED else None
    plain = path.parent == ZOO
    if expected is not None and (plain or path == unpacked_path(path.name, expected)):
        found, remedy = file_sha256(path), REINSTALL if plain else "Delete it: it is unpacked again."
        if found != expected:
            problem = f"{path} has SHA-256 {found}, expected {expected}: it is damaged or was changed."
            raise DiptychError(f"{problem} {remedy}")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            header = json.loads((file.metadata() or {}).get(HEADER, "{}"))
    except (SafetensorError, OSError, ValueError) as error:
        raise DiptychError(f"{path} is not a safetensors file ({error}); only safetensors are loaded.") from error
    return tensors, header if isinstance(header, dict) else {}


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a file that ``torch.save`` wrote; nothing else in it is ever unpickled.

    Raises:
        DiptychError: Another kind of file, or one that holds more than tensors.
    """
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise DiptychError(f"{path} holds no plain tensors: {str(error).splitlines()[0]}") from error
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise DiptychError(f"{path} holds no tensors by name")
    return dict(found)


def stored_shape(path: Path, header: Mapping[str, Any], kind: type[Shape], what: str) -> Shape:
    """The shape in a file's header.

    Args:
        path: The file, for the message.
        header: Of :func:`read_weights`.
        kind: Class of the shape.
        what: What the file should be, such as ``"a tokenizer"``.

    Raises:
        DiptychError: None, or that of something else.
    """
    if "shape" not in header:
        raise DiptychError(f"{path} is not {what}: its header has no shape.")
    try:
        return kind.model_validate(header["shape"])
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DiptychError(f"{path} is not {what}: {place}: {first['msg']} in its shape.") from error


def load_network(
    file_name: str, device: str, kind: type[Shape], make: Callable[[Shape], Network], what: str
) -> Network:
    """A network whose shape travels in its file, in float32 and evaluation mode.

    Args:
        file_name: File name in the zoo, or a path.
        device: Torch device.
        kind: Class of the shape.
        make: Builds the network from it.
        what: See :func:`stored_shape`.

    Raises:
        UsageError: No such device.
        DiptychError: No such file, not safetensors, another network, or tensors that do not fit the shape.
    """
    where = str(parse_device(device))
    path = zoo_path(file_name)
    tensors, header = read_weights(path)
    shape = stored_shape(path, header, kind, what)
    with torch.random.fork_rng(devices=[]):  # torch draws first weights from its global generator
        model = make(shape)
    load_into(path, model, shape, tensors, header)
    return model.to(where).eval().requires_grad_(False)


def load_into(path: Path, model: nn.Module, shape: Data, tensors: dict[str, Tensor], header: Mapping[str, Any]) -> None:
    """Put ``tensors`` into ``model``, whatever floating-point type they have.

    Raises:
        DiptychError: The file's shape is another (its fields are named), or tensors are missing, unknown or of another
            size (all are listed).
    """
    expected = model.state_dict()
    problems = [f"missing {name} {list(value.shape)}" for name, value in expected.items() if name not in tensors]
    problems += [f"unknown {name} {list(value.shape)}" for name, value in tensors.items() if name not in expected]
    problems += [
        f"{name} is {list(tensors[name].shape)}, expected {list(value.shape)}"
        for name, value in expected.items()
        if name in tensors and tensors[name].shape != value.shape
    ]
    stored, wanted = header.get("shape"), shape.model_dump(mode="json")
    if isinstance(stored, dict):  # also where every tensor fits: a rotary base has no tensor
        stored = {**{k: v.default for k, v in type(shape).model_fields.items() if not v.is_required()}, **stored}
        stored = json.loads(json.dumps(stored))  # a default's tuple, as it would have been written
        differing = [key for key in sorted({*stored, *wanted}) if stored.get(key) != wanted.get(key)]
        problems += [f"{key} is {stored.get(key)}, expected {wanted.get(key)}" for key in differing]
    if problems:
        more = f" and {len(problems) - 8} more" if len(problems) > 8 else ""
        raise DiptychError(f"{path} does not fit the model: {'; '.join(problems[:8])}{more}.")
    model.load_state_dict({name: value.float() for name, value in tensors.items()})
