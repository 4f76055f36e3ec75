"""TensorFlow's settings: made once, and no longer changed by whoever comes later."""

from __future__ import annotations

import pytest
import tensorflow as tf

from graft.errors import FailedPrecondition
from services.embedder.engines import runtime
from services.embedder.engines.base import EngineOptions
from tests.support.savedmodel import THREADS

CONFIGURED = EngineOptions(threads=THREADS)


def test_the_same_settings_may_be_made_again_and_others_come_too_late() -> None:
    tf.constant(1.0)  # from here on TensorFlow has begun
    runtime.configure(CONFIGURED)
    assert tf.config.threading.get_intra_op_parallelism_threads() == THREADS
    assert not tf.config.experimental.tensor_float_32_execution_enabled()
    with pytest.raises(FailedPrecondition, match="set them first; got EngineOptions"):
        runtime.configure(EngineOptions(threads=3))


def test_a_gpu_that_is_wished_for_and_not_there_is_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU")
    runtime.configure(EngineOptions(threads=THREADS, gpu_memory_mib=512))
    assert "sees no GPU" in caplog.text
    assert not runtime.uses_gpu()
