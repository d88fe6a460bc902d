import torch

from models.ar.prepared import PreparedTransformer
from models.checkpoints import load_llama
from models.decoding.engine import Engine
from models.decoding.grid import Grid
from models.decoding.sampling import Sampler
from models.decoding.schedules.diagonal import DIAGONAL
from models.decoding.tables import compile_schedule

model = PreparedTransformer(load_llama("my-checkpoint", image_vocabulary=8192, dtype=torch.bfloat16), release=True)
grid = Grid(frames=15, rows=14, columns=24, actions=11, prompt_frames=1)
given = torch.randint(8192, (1, grid.slots))  # your prompt's tokens and all actions, by slot
engine = Engine(model, compile_schedule(grid, DIAGONAL, k=2), Sampler(top_p=0.8))
for frame in engine.stream(given, seeds=[0]):
    print(frame.index, frame.tokens.shape)  # [1, 14, 24], as soon as it is complete
