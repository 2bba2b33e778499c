"""When memory runs short, values are not numbers, or a device fails."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from models import PICTURES, VOLUMES, model_of, random_clip, random_volume, small_model
from shortages import adapted, check_same, once, starve, whole
from torch import Tensor, nn

from mambaseg.inference import Adapted, Chunk, Engine, Options, remembered
from mambaseg.inference import ladder as ladder_module
from mambaseg.inference.forward import Forward
from mambaseg.inference.free_memory import free_bytes
from mambaseg.inference.ladder import Ladder
from mambaseg.inference.options import Options as _Options
from mambaseg.inference.plans import plan_for
from mambaseg.inference.settings import Settings
from mambaseg.inference.stitching import Stitcher
from mambaseg.types import MedicalImage
from mambaseg.types.errors import DeviceLostError, MambasegError, OutOfMemoryError
from mambaseg.types.trained_model import TrainedModel

EXACT = Options(precision="float32")
TILES = {**PICTURES, "input": {"kind": "image", "size": (96, 96), "tiled": True}}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    return small_model(tmp_path_factory.mktemp("m"))


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    taken = {**VOLUMES["input"], "patch_size": (48, 48, 48)}
    return model_of(tmp_path_factory.mktemp("m"), "volumes", {**VOLUMES, "input": taken})


def test_a_smaller_batch_gives_the_same(
    videos: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the second call fails, what was final stays, and the rest follows."""
    image, engine = random_clip(26), Engine("cpu")
    expected = engine.segment(image, videos, EXACT).labels
    once(monkeypatch, Forward, "_run", starve, at=2)
    calls: list[int] = []
    run = Forward._run
    monkeypatch.setattr(Forward, "_run", lambda s, x: (calls.append(len(x)), run(s, x))[1])
    events = list(engine.stream(image, videos, replace(EXACT, batch=4)))
    assert adapted(events) == ["smaller_batch"]
    assert (check_same(events) == expected).mean() > 0.9999
    # 8 clips: 4 of the first call are final but for its end, which one clip is done again for.
    assert calls == [4, 4, 2, 2, 1]


def test_bfloat16_where_the_device_computes_it(
    volumes: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_for(random_volume((64, 64, 64)), volumes.recipe, _Options())
    for able, rung in ((True, "bfloat16"), (False, "buffered")):
        monkeypatch.setattr(ladder_module, "computes_bfloat16", lambda device, able=able: able)
        ladder = Ladder(plan, Settings("cpu", window=plan.window))
        ladder.down("host")
        assert ladder.rungs == [rung]
    asked = Ladder(plan, Settings("cpu", window=plan.window), precision="float32")
    asked.down("host")
    assert asked.rungs == ["buffered"]


@pytest.mark.slow
def test_sums_on_the_disk_give_the_same(
    volumes: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, engine = random_volume((100, 56, 52)), Engine("cpu")
    expected = engine.segment(image, volumes, EXACT).labels
    once(monkeypatch, Stitcher, "add", starve, at=10)
    events = list(engine.stream(image, volumes, EXACT))
    assert adapted(events) == ["buffered"]
    np.testing.assert_array_equal(check_same(events), expected)


@pytest.mark.slow
def test_smaller_windows(volumes: TrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that suffices for windows of 32 voxels alone; the rest is as final as before."""
    image, engine = random_volume((100, 56, 52)), Engine("cpu")
    before = engine.segment(image, volumes, EXACT).labels
    run, calls = Forward._run, []

    def little(self: Forward, x: Tensor) -> Tensor:
        calls.append(x.shape[-1])
        if len(calls) > 4 and x.shape[-1] > 32:
            starve()
        return run(self, x)

    monkeypatch.setattr(Forward, "_run", little)
    events = list(engine.stream(image, volumes, EXACT))
    assert adapted(events) == ["buffered", "smaller_window"]
    texts = [event.text for event in events if isinstance(event, Adapted)]
    assert "memory of cpu" in texts[1]
    assert "windows of 32 x 32 x 32" in texts[1]
    labels = check_same(events)
    np.testing.assert_array_equal(labels[:24], before[:24])  # final ahead of the failure
    assert (labels == before).mean() > 0.5
    assert events[-1].record.choices["window"] == [32, 32, 32]


def test_a_window_that_the_network_refuses_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {"backbone": "b0", "widths": [8, 16, 40, 64], "decoder_width": 16}
    model = small_model(tmp_path, arguments={**arguments, "scan_chunks": 5})
    once(monkeypatch, Forward, "_run", starve, at=1)
    with pytest.raises(OutOfMemoryError, match=r"clips of 5 frames of 32 x 40, after everything"):
        Engine("cpu").segment(random_clip(5), model, EXACT)


def test_tiles_shrink_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(tmp_path, "m", TILES)
    clip = random_clip(2, (150, 120))
    for _ in range(2):
        run = Forward._run

        def little(self: Forward, x: Tensor, run: Any = run) -> Tensor:
            if x.shape[-1] > 64:
                starve()
            return run(self, x)

        monkeypatch.setattr(Forward, "_run", little)
    events = list(Engine("cpu").stream(clip, model, EXACT))
    assert adapted(events) == ["buffered", "smaller_window"]
    check_same(events)


def test_shorter_clips_when_nothing_else_is_left(
    videos: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    once(monkeypatch, Forward, "_run", starve, at=3)
    events = list(Engine("cpu").stream(random_clip(20), videos, EXACT))
    assert adapted(events) == ["smaller_window"]
    assert "clips of 2 frames of 32 x 40" in next(
        event.text for event in events if isinstance(event, Adapted)
    )
    assert check_same(events).shape == (20, 48, 60)


def test_every_rung_of_an_accelerator(volumes: TrainedModel) -> None:
    """In the order that costs least first."""
    plan = plan_for(random_volume((100, 56, 52)), volumes.recipe, _Options())
    ladder = Ladder(plan, Settings("mps", "float32", 4, plan.window))
    while ladder.settings.device != "cpu":
        assert ladder.down("device")
    assert ladder.rungs == [
        *["smaller_batch"] * 2,
        "stitch_on_cpu",
        "smaller_window",
        "network_on_cpu",
    ]
    while ladder.down("host"):
        pass
    assert (ladder.settings.stitching, ladder.settings.batch) == ("disk", 1)


def test_memory_that_never_suffices_is_a_sentence(
    volumes: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, image = Engine("cpu"), random_volume((64, 64, 64))
    with monkeypatch.context() as patch:
        patch.setattr(Forward, "_run", starve)
        with pytest.raises(OutOfMemoryError, match=r"memory of cpu .* windows of 32 x 32 x 32"):
            engine.segment(image, volumes)
    assert engine.segment(image, volumes).labels.any()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        np._core._exceptions._ArrayMemoryError((2**40,), np.dtype(float)),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate m"),
        RuntimeError("MPS backend out of memory"),
    ],
    ids=["python", "numpy", "cuda", "cpu", "mps"],
)
def test_each_kind_of_shortage_is_known(
    error: Exception, videos: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise error

    once(monkeypatch, Forward, "_run", fail, at=1)
    before = set(threading.enumerate())
    assert adapted(list(Engine("cpu").stream(random_clip(9), videos, replace(EXACT, batch=2))))
    left = set(threading.enumerate()) - before
    assert not [one for one in left if one.name.startswith("mambaseg-ahead")]


def test_what_helped_is_remembered(
    videos: TrainedModel, monkeypatch: pytest.MonkeyPatch, memory_file: Path
) -> None:
    image, engine, options = random_clip(12), Engine("cpu"), replace(EXACT, batch=2)
    once(monkeypatch, Forward, "_run", starve, at=1)
    assert adapted(list(engine.stream(image, videos, options))) == ["smaller_batch"]
    assert json.loads(memory_file.read_text())["format_version"] == 1
    again = list(Engine("cpu").stream(image, videos, options))
    assert [type(event) for event in again[:2]] == [Adapted, Chunk]
    assert "ran short here before: uses 1 at a time from the start" in again[0].text
    check_same(again)
    with monkeypatch.context() as patch:  # with more memory it is not needed
        patch.setattr("mambaseg.inference.running.free_bytes", lambda device: 2**50)
        assert not adapted(list(engine.stream(image, videos, options)))


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"format_version": 9}', '{"helped": {"a": 1}}', "\0", "[" * 10**5]
)
def test_a_broken_memory_is_passed_over(
    content: str, videos: TrainedModel, memory_file: Path
) -> None:
    memory_file.parent.mkdir(parents=True)
    memory_file.write_text(content)
    assert not adapted(list(Engine("cpu").stream(random_clip(3), videos)))
    remembered.remember("a", "cpu", 1, ("buffered",))
    assert remembered.recall("a", "cpu", 1) == ("buffered",)
    assert remembered.recall("a", "cpu", 2) == ()


def test_a_memory_that_cannot_be_written_is_passed_over(memory_file: Path) -> None:
    memory_file.parent.write_text("a file where the folder would be")
    remembered.remember("a", "cpu", 1, ("buffered",))
    assert remembered.recall("a", "cpu", 1) == ()


def _spoil(network: nn.Module, part: str, below: bool) -> None:
    """Have a part give NaN; with `below` in bf16 alone."""

    def hook(module: nn.Module, given: object, output: Tensor) -> Tensor:
        low = torch.is_autocast_enabled("cpu")
        return output * torch.nan if low or not below else output

    network.get_submodule(part).register_forward_hook(hook)


def test_values_that_are_not_numbers_in_bfloat16_lead_to_float32(tmp_path: Path) -> None:
    engine, model, image = Engine("cpu"), small_model(tmp_path), random_clip(12)
    expected = engine.segment(image, model, EXACT).labels
    _spoil(engine._hosting.network(model), "decoder.fuse", below=True)
    monkey = Options(precision=None)
    events = list(engine.stream(image, model, monkey))
    if Engine("cpu")._ladder(plan_for(image, model.recipe, monkey), monkey).settings.precision == (
        "bfloat16"
    ):
        assert adapted(events) == ["float32"]
        assert "first in its part 'decoder.fuse'" in events[0].text
    np.testing.assert_array_equal(check_same(events), expected)
    assert events[-1].record.precision == "float32"
    with pytest.raises(MambasegError, match=r"part 'decoder.fuse', computing in bfloat16"):
        engine.segment(image, model, Options(precision="bfloat16"))


def test_values_that_are_not_numbers_in_float32_stop_the_run(tmp_path: Path) -> None:
    engine, model = Engine("cpu"), small_model(tmp_path)
    _spoil(engine._hosting.network(model), "stages.1", below=False)
    with pytest.raises(MambasegError, match=r"not numbers, first in its part 'stages\.1'.*float32"):
        engine.segment(random_clip(5), model)


@pytest.mark.parametrize(
    "text", ["CUDA error: unspecified launch failure", "CUDA error: device-side assert triggered"]
)
def test_a_device_that_fails_in_mid_run(
    text: str, videos: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError(text + "\nCompile with ...")

    engine, image = Engine("cpu"), random_clip(20)
    kept: list[Chunk] = []
    expected = np.asarray(engine.segment(image, videos).labels)
    with monkeypatch.context() as patch:
        once(patch, Forward, "_run", fail, at=3)
        with pytest.raises(DeviceLostError, match=rf"device cpu .* failed .*{text}.*is kept"):
            kept.extend(e for e in engine.stream(image, videos) if isinstance(e, Chunk))
        assert engine.models == []
    assert [chunk.stop for chunk in kept] == [3, 6]
    np.testing.assert_array_equal(whole([*kept]), expected[:6])
    assert engine.segment(image, videos).labels.any()


def test_a_mistake_is_not_taken_for_a_lack(
    videos: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("The size of tensor a (3) must match the size of tensor b (4)")

    once(monkeypatch, Forward, "_run", fail, at=1)
    with pytest.raises(RuntimeError, match="must match"):
        Engine("cpu").segment(random_clip(5), videos)


def test_free_memory_is_said() -> None:
    assert 2**20 < free_bytes(torch.device("cpu")) < 2**50


@pytest.mark.slow
def test_an_estimate_says_what_will_be_done(
    volumes: TrainedModel, videos: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, image = Engine("cpu"), random_volume((100, 120, 120))
    found = engine.estimate(image, volumes, EXACT)
    assert found.rungs == ()
    assert found.text.startswith(f"needs {found.needed_bytes / 1e9:.1f} GB, ")
    assert found.needed_bytes > 80 * 2**20
    assert engine.models == [volumes.sha256]
    larger = engine.estimate(random_volume((100, 240, 240)), volumes, EXACT)
    assert larger.needed_bytes > found.needed_bytes
    free = found.needed_bytes - 2**20
    monkeypatch.setattr("mambaseg.inference.estimating.free_bytes", lambda device: free)
    short = engine.estimate(image, volumes, EXACT)
    assert short.rungs[0] == "buffered"
    assert "free: will use the disk for the sums of windows" in short.text
    events = list(engine.stream(image, volumes, EXACT))
    assert tuple(adapted(events)) == short.rungs
    assert short.text in events[0].text
    monkeypatch.setattr("mambaseg.inference.estimating.free_bytes", lambda device: 0)
    hopeless = engine.estimate(image, volumes, EXACT)
    assert "windows of 32 x 32 x 32" in hopeless.text
    assert hopeless.text.endswith("and may still not suffice")
    none: MedicalImage = random_clip(3)
    assert engine.estimate(none, videos).needed_bytes > 0
