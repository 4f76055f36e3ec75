"""TensorFlow's process-wide settings, made once before its first operation."""

from __future__ import annotations

import logging

import tensorflow as tf

from graft.errors import FailedPrecondition
from services.embedder.engines.base import EngineOptions

_LOG = logging.getLogger(__name__)


def configure(options: EngineOptions) -> None:
    """Sets threads and GPU memory. TensorFlow fixes them at its first operation: set them before.

    Raises FailedPrecondition when it is too late and other values are in force.
    """
    wanted = (options.threads, 1)
    threading = tf.config.threading
    try:
        threading.set_intra_op_parallelism_threads(wanted[0])
        threading.set_inter_op_parallelism_threads(wanted[1])
        _configure_gpu(options.gpu_memory_mib)
    except RuntimeError as error:
        text = "TensorFlow has run before its threads and GPU memory were set; set them first"
        raise FailedPrecondition(f"{text}; got {options}") from error
    # An embedding is cached for ever under the backbone's digest: a GPU must agree with a CPU.
    tf.config.experimental.enable_tensor_float_32_execution(False)


def uses_gpu() -> bool:
    """Whether TensorFlow runs on a GPU in this process."""
    return bool(tf.config.get_visible_devices("GPU"))


def _configure_gpu(memory_mib: int) -> None:
    """Takes exactly `memory_mib` of the first GPU; with 0 no GPU is seen at all."""
    gpus = tf.config.list_physical_devices("GPU") if memory_mib else []
    tf.config.set_visible_devices(gpus[:1], "GPU")
    if memory_mib and not gpus:
        _LOG.warning("GRAFT_GPU_MEMORY_MIB is %d, but TensorFlow sees no GPU", memory_mib)
    for gpu in gpus[:1]:
        limit = tf.config.LogicalDeviceConfiguration(memory_limit=memory_mib)
        tf.config.set_logical_device_configuration(gpu, [limit])
