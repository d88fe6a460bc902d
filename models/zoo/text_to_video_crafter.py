"""The zoo's text-to-video diffusion models of crafter-9x9; their cards are ``text_to_video_crafter_*.md``."""

from harness.registry import register
from models.zoo.cards import TextVideoModel

ALIGNED = ("sft", "dpo", "videodpo")
SEEDS = (0, 1, 2)
HOW = {"epsilon": "predicts noise, sampled by DDIM", "flow": "flow matching, sampled by Euler's steps"}
for prediction, how in HOW.items():
    card = TextVideoModel(
        name=f"text-to-video-crafter-{prediction}",
        summary=f"1.6M-parameter diffusion transformer of Crafter clips (8 frames), told a caption; {how}",
        world="crafter-9x9",
        prediction=prediction,
        frames=8,
        steps=20,
        guidance=2.0,
        tokenizer="tokenizer_crafter.safetensors",
        weights=f"text_to_video_crafter_{prediction}.safetensors",
        finetunes={
            f"{method}-s{seed}": f"aligned_{prediction}_{method}_s{seed}.safetensors"
            for method in ALIGNED
            for seed in SEEDS
        },
    )
    register("model", card.name, summary=card.summary)(card)
