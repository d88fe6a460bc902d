"""Other people's checkpoints: Llama-style safetensors in Hugging Face's layout, and MineWorld's."""

from models.checkpoints.llama import load_llama, save_llama
from models.checkpoints.mineworld import load_mineworld

__all__ = ["load_llama", "load_mineworld", "save_llama"]
