"""Distances to the true continuation in the features of X3D-XS (Kinetics-400): real video's objects and motion.

See :mod:`harness.metrics.spaces` for formulas, ranges and errors, and :mod:`models.extractors.x3d` for what becomes of
a clip. 2048 dimensions: below 2049 clips the Fréchet distance has no verdict, and the kernel distance carries it.
"""

from harness.metrics.spaces import register_space

register_space("x3d-xs-k400-int8dq", "X3D-XS trained on Kinetics-400", assets=("x3d-xs-k400-int8dq",))
