"""Write the model: the weights of illumina-wgs as a graph."""

from __future__ import annotations

from pathlib import Path

from dvplug_onnx.genotyper import write_model

from dvplug.models import load_model
from dvplug.plugins.loading import load_plugins

models = Path(__file__).parent / "dvplug_graph/models"
models.mkdir()
write_model(
    load_model(load_plugins(["illumina"]), "illumina-wgs@1"), models / "graph"
)  # its name is the folder's
(models / "graph").rename(models / "graph-1.0.0")
