"""Networks on several GPUs, for which CPUs stand: what comes back, and what is said when a process dies."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dvplug.calling import run as run_module
from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.engine import predictors
from dvplug.engine.call import finished
from dvplug.engine.predictors import PredictorPool, visible_gpu
from dvplug.errors import DvplugError
from dvplug.models import load_model, opener_of
from dvplug.plugins.loading import Plugins, installed_plugins
from dvplug.simulate import SimulatedDataset
from dvplug_registry.model_folder import LoadedModel
from helpers.command import events
from helpers.cpu_gpus import OnCpu, open_formula

SHARED = Path("/dev/shm")


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return installed_plugins()


@pytest.fixture(scope="module")
def model(plugins: Plugins) -> LoadedModel:
    return load_model(plugins, "illumina-wgs")


@pytest.fixture(autouse=True)
def no_memory_is_left():
    before = {path.name for path in SHARED.glob("psm_*")}
    yield
    assert {path.name for path in SHARED.glob("psm_*")} <= before


def examples(model: LoadedModel, n: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    random = np.random.default_rng(seed)
    images = random.integers(0, 200, (n, *model.manifest.image.shape), dtype=np.uint8)
    return images, random.random((n, len(model.manifest.features)), dtype=np.float32)


def test_each_batch_comes_back_in_its_place_and_all_gpus_work(model: LoadedModel) -> None:
    asked = [examples(model, n, seed) for seed, n in enumerate((700, 0, 1, 256, 257, 1500))]
    with PredictorPool(open_formula, model, (0, 1, 4)) as pool:
        answers = [pool.submit(*one) for one in asked]
        for (images, features), answer in zip(asked, answers, strict=True):
            found = answer.wait()
            assert found.dtype == np.float32
            np.testing.assert_allclose(found[:, 0], images.mean(axis=(1, 2, 3)), rtol=1e-5)
            np.testing.assert_array_equal(found[:, 1], features[:, 0])
        assert {*np.concatenate([one.wait() for one in answers])[:, 2]} == {0, 1, 4}
        assert all(0 < share <= 1 for share in pool.busy().values())


def test_answers_may_be_waited_for_in_any_order(model: LoadedModel) -> None:
    asked = [examples(model, 300, seed) for seed in range(3)]
    with PredictorPool(open_formula, model, (0, 1)) as pool:
        answers = [pool.submit(*one) for one in asked]
        for (_, features), answer in reversed(list(zip(asked, answers, strict=True))):
            np.testing.assert_array_equal(answer.wait()[:, 1], features[:, 0])


def test_a_process_that_dies_is_an_error_that_names_its_gpu(model: LoadedModel) -> None:
    images, features = examples(model, 600)
    images[:] = 255
    with (
        pytest.raises(DvplugError, match=r"predicts on GPU [37] died: it was killed by SIGKILL.*--device"),
        PredictorPool(open_formula, model, (3, 7)) as pool,
    ):
        pool.submit(images, features).wait()


def test_what_a_process_meets_is_told(model: LoadedModel) -> None:
    images, features = examples(model, 2)
    images[:] = 254
    with (
        pytest.raises(RuntimeError, match=r"(?s)a fault on GPU 3.*ValueError: too bright"),
        PredictorPool(open_formula, model, (3,)) as pool,
    ):
        pool.submit(images, features).wait()


def test_a_gpu_that_is_not_there_is_named(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    message = r"GPU 9: device 'gpu' cannot be used: tensorflow sees none\. Use another"
    with pytest.raises(DvplugError, match=message):
        PredictorPool(open_formula, model, (0, 9))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    with pytest.raises(DvplugError, match=r"GPU 1: there is no such GPU: CUDA_VISIBLE_DEVICES is '2'"):
        PredictorPool(open_formula, model, (1,))


def test_gpus_are_numbered_among_those_that_may_be_seen() -> None:
    assert visible_gpu(1, None) == "1"
    assert visible_gpu(1, "4, GPU-8932f937") == "GPU-8932f937"


def test_too_little_shared_memory_is_an_error(model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictors.Slots, "size", 10**15)
    with pytest.raises(
        DvplugError, match=r"of shared memory for images cannot be had: /dev/shm has \S+ left"
    ):
        PredictorPool(open_formula, model, (0,))


def test_no_more_is_begun_ahead_than_was_said() -> None:
    begun, given = [], []

    def one(number: int) -> Callable[[], int]:
        begun.append(number)
        return lambda: number

    for number in finished(map(one, range(7)), 2):
        given.append(number)
        assert len(begun) - len(given) <= 2
    assert given == list(range(7))


@pytest.mark.parametrize("device", ["gpu", "gpu:0", "gpu:0,1"])
def test_records_are_those_of_one_process_to_the_byte(
    device: str, dataset: SimulatedDataset, called: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(run_module, "opener_of", lambda *given: OnCpu(opener_of(*given)))
    out, log = tmp_path / "gpus.vcf.gz", tmp_path / "log.jsonl"
    call_variants(
        CallOptions(
            "illumina-wgs", dataset.reference, (dataset.reads,), str(out), device=device, keep_ref_calls=True,
            workers=2, log_json=log,
        )
    )  # fmt: skip
    assert out.read_bytes() == called.read_bytes()
    busy = [event["busy"] for event in events(log) if event["event"] == "gpus"]
    named = device.partition(":")[2].split(",") if ":" in device else []
    assert [sorted(one) for one in busy] == ([named] if named else [])
    assert len(re.findall(r"GPU \d for \d+% of the time", capsys.readouterr().err)) == len(named)
