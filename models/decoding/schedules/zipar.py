"""ZipAR's windowed rows (He et al., arXiv 2412.04062): made for images, here frame by frame.

A row may start once the row above holds ``k`` tokens, ZipAR's window, and then every row in flight grows by one token a
pass. With a fixed window that is DiagD's spatial order, pass for pass; what differs is the stand-in for a row's first
token: the newest token of the row above (``repeat``), as ZipAR does for models without an end-of-row token. Its
adaptive window accepts or rejects tokens while it decodes; no table can say that, and it is not here.
"""

from __future__ import annotations

from harness.registry import register
from models.decoding.schedule import Schedule
from models.decoding.schedules.diagonal import order, passes

ZIPAR = register("schedule", "zipar")(
    Schedule(
        "zipar",
        "rows overlap inside a frame, window k, the newest token stands in (ZipAR, arXiv 2412.04062)",
        order,
        placeholder="repeat",
        passes=passes,
    )
)
