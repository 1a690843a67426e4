"""What TensorFlow may use: set before it touches a device (article X)."""

from __future__ import annotations

import os

from facegen.errors import FacegenError, InputError
from facegen.notices import silence


def available_cpus() -> int:
    """Processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def limit_hardware(
    *, cpu_only: bool = False, cpu_threads: int | None = None, gpu_memory: int | None = None
) -> None:
    """Limits TensorFlow in this process; call it before anything computes.

    Args:
        cpu_only: hide all GPUs.
        cpu_threads: threads for the CPU; by default one per processor.
        gpu_memory: MB of the first GPU's memory to use at most, as a logical device.

    Raises:
        InputError: a GPU memory limit was given, but there is no GPU.
        FacegenError: TensorFlow has already started in this process.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silence():
        import tensorflow as tf

    try:
        if cpu_threads is not None:
            tf.config.threading.set_intra_op_parallelism_threads(cpu_threads)
            tf.config.threading.set_inter_op_parallelism_threads(cpu_threads)
        gpus = tf.config.list_physical_devices("GPU")
        if cpu_only:
            tf.config.set_visible_devices([], "GPU")
        elif gpu_memory is not None:
            if not gpus:
                raise InputError("--gpu-memory: TensorFlow finds no GPU here; leave the option out")
            limit = tf.config.LogicalDeviceConfiguration(memory_limit=gpu_memory)
            tf.config.set_logical_device_configuration(gpus[0], [limit])
    except RuntimeError as error:
        raise FacegenError(
            "hardware limits must be set before TensorFlow starts in this process"
        ) from error
