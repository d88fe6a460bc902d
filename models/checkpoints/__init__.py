"""Other people's checkpoints: Llama-style safetensors in Hugging Face's layout, and MineWorld's."""

from models.checkpoints.llama import load_llama, save_llama
from models.checkpoints.mineworld import load_mineworld, read_mineworld_config
from models.checkpoints.vq import load_vq

__all__ = ["load_llama", "load_mineworld", "load_vq", "read_mineworld_config", "save_llama"]
