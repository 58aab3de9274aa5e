"""Write the model: what it answers for some images, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from dvplug_linked import dvplug_feature_sets, dvplug_row_orders, dvplug_technologies
from dvplug_linked.genotyper import Share

from dvplug.plugins.loading import load_plugins
from dvplug_registry.manifest import Calling, CallingStep, ImageShape, Manifest, Training, Versioned
from dvplug_registry.model_folder import file_entry, save_manifest

(profile,), (molecules,), (order,) = dvplug_technologies(), dvplug_feature_sets(), dvplug_row_orders()
encoder = load_plugins(()).image_encoder(profile.image_encoder)
rng = np.random.default_rng(1)
images = rng.integers(0, 256, (8, *profile.image.shape), np.uint8)
features = rng.random((8, 1)).astype(np.float32)

folder = Path(__file__).parent / "dvplug_linked/models/linked-1.0.0"
folder.mkdir(parents=True)
answers = Share().predict(images, features)
np.savez(folder / "known_answer.npz", images=images, features=features, probabilities=answers)
manifest = Manifest(
    name="linked",
    version="1.0.0",
    technology=profile.name,
    description="shares of molecules",
    architecture="linked-share",
    image=ImageShape(**profile.image.model_dump()),
    features=molecules.column_names(),
    feature_sets=(Versioned(name=molecules.name, version=molecules.version),),
    encoder=Versioned(name=encoder.name, version=encoder.version),
    calling=Calling(
        read_filter=profile.read_filter.model_dump(),
        candidate_thresholds=profile.candidate_thresholds.model_dump(),
        steps=(CallingStep(kind="row order", name=order.name, version=order.version),),
    ),
    training=Training(data="none", seed=1, n_examples=0, held_out="everything"),
    licence="Apache-2.0",
    genotyper="linked-share",
    tolerance=1e-5,
    files={"known_answer.npz": file_entry(folder / "known_answer.npz", "known-answer")},
)
save_manifest(folder, manifest)
