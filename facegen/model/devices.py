"""What TensorFlow may use: set before it touches a device (article X)."""

from __future__ import annotations

import importlib.util
import os
import re
from types import ModuleType
from typing import Any

from facegen.errors import FacegenError, InputError
from facegen.hardware import available_cpus, computes_bfloat16
from facegen.notices import silence

NO_TENSORFLOW = (
    "train, refine and the judges of evaluate (not --pixels-only) need TensorFlow: pip "
    "install 'facegen[train]', or 'pip install tensorflow-cpu', smaller and without a GPU"
)
NO_GPU = (
    "TensorFlow finds no GPU; for one of NVIDIA's, pip install 'tensorflow[and-cuda]' and a driver "
    "that nvidia-smi answers from"
)


def check_tensorflow() -> None:
    """Raises FacegenError, which says how to install it, if TensorFlow is not there."""
    if importlib.util.find_spec("tensorflow") is None:
        raise FacegenError(NO_TENSORFLOW)


def _import_tensorflow() -> ModuleType:
    """TensorFlow, imported without its notices."""
    check_tensorflow()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silence():
        import tensorflow as tf
    return tf


def describe_hardware() -> dict[str, Any]:
    """What training in this environment could use.

    Returns:
        JSON values: processors that this process may use; bfloat16, whether they multiply it
        (None: not known); tensorflow, its version or None; built_with_cuda; devices, a list of
        name, kind and, of a GPU, model, compute_capability and memory, the MB that TensorFlow
        would take at most, None where it can't start it; hint, what to install for more, or None.
    """
    found = {"processors": available_cpus(), "bfloat16": computes_bfloat16()}
    try:
        tf = _import_tensorflow()
    except FacegenError as error:
        return {**found, "tensorflow": None, "hint": str(error)}
    with silence():
        devices = [_describe(tf, device) for device in tf.config.list_physical_devices()]
        gpus = [device for device in devices if device["kind"] == "GPU"]
        memory = _gpu_memory(tf) if gpus else {}
        for number, gpu in enumerate(gpus):
            gpu["memory"] = memory.get(number)
    return {
        **found,
        "tensorflow": tf.__version__,
        "built_with_cuda": tf.test.is_built_with_cuda(),
        "devices": devices,
        "hint": None if gpus else NO_GPU,
    }


def _describe(tf: ModuleType, device: Any) -> dict[str, Any]:
    """A physical device of TensorFlow's."""
    found = {"name": device.name.removeprefix("/physical_device:"), "kind": device.device_type}
    if device.device_type == "GPU":
        details = tf.config.experimental.get_device_details(device)
        capability = details.get("compute_capability")
        found["model"] = details.get("device_name")
        found["compute_capability"] = capability and ".".join(map(str, capability))
    return found


def _gpu_memory(tf: ModuleType) -> dict[int, int]:
    """The MB that TensorFlow would take of each GPU at most; it starts them, and takes little.

    By the GPU's number: TensorFlow leaves out those that are too old for it, and numbers the others
    anew, but for what it tells of the physical device.
    """
    from tensorflow.python.client import device_lib  # the only place that tells

    options = tf.compat.v1.GPUOptions(allow_growth=True)
    try:
        devices = device_lib.list_local_devices(tf.compat.v1.ConfigProto(gpu_options=options))
    except Exception:  # of TensorFlow's: one can't be started, being full or in another's use
        return {}
    numbers = [re.match(r"device: (\d+)", device.physical_device_desc) for device in devices]
    return {
        int(number[1]): device.memory_limit >> 20
        for number, device in zip(numbers, devices, strict=True)
        if number is not None and device.device_type == "GPU"
    }


def limit_hardware(
    *,
    cpu_only: bool = False,
    cpu_threads: int | None = None,
    gpu_memory: int | None = None,
    replicas: int = 1,
) -> None:
    """Limits TensorFlow in this process; call it before anything computes.

    Args:
        cpu_only: hide all GPUs.
        cpu_threads: threads for the CPU; by default one per processor.
        gpu_memory: MB of memory to use at most on each visible GPU, as a logical device.
        replicas: devices that will train together: the first GPUs, the others are hidden; with
            cpu_only, logical devices of the CPU.

    Raises:
        InputError: a GPU memory limit was given, but there is no GPU, or all are to be hidden; or
            there are fewer GPUs than replicas.
        FacegenError: TensorFlow is not installed or has already started in this process.
    """
    if cpu_only and gpu_memory is not None:
        raise InputError("cpu_only hides the GPUs that gpu_memory limits; choose one of them")
    tf = _import_tensorflow()
    try:
        if cpu_threads is not None:
            tf.config.threading.set_intra_op_parallelism_threads(cpu_threads)
            tf.config.threading.set_inter_op_parallelism_threads(cpu_threads)
        if cpu_only:
            tf.config.set_visible_devices([], "GPU")
        if replicas > 1:
            _divide(replicas, cpu_only)
        if gpu_memory is not None:
            gpus = tf.config.get_visible_devices("GPU")
            if not gpus:
                raise InputError("--gpu-memory: TensorFlow finds no GPU here; leave the option out")
            limit = tf.config.LogicalDeviceConfiguration(memory_limit=gpu_memory)
            for gpu in gpus:
                tf.config.set_logical_device_configuration(gpu, [limit])
    except RuntimeError as error:
        raise FacegenError(
            "hardware limits must be set before TensorFlow starts in this process"
        ) from error


def check_precision(precision: str) -> None:
    """Refuses a precision that would be slower here than float32; call it after `limit_hardware`.

    Raises:
        InputError: it is bfloat16, which neither the processor nor a GPU multiplies.
    """
    if precision != "bfloat16" or computes_bfloat16() is not False:
        return
    import tensorflow as tf

    if not tf.config.get_visible_devices("GPU"):
        raise InputError(
            "--precision bfloat16 would be slower here than float32: the processor has neither "
            "AVX512-BF16 nor AMX, and there is no GPU; leave it out, or with --resume give float32"
        )


def _divide(replicas: int, cpu_only: bool) -> None:
    """Leaves as many GPUs visible as there are replicas, or makes logical devices of the CPU."""
    import tensorflow as tf

    if cpu_only:
        parts = [tf.config.LogicalDeviceConfiguration()] * replicas
        tf.config.set_logical_device_configuration(tf.config.get_visible_devices("CPU")[0], parts)
        return
    gpus = tf.config.get_visible_devices("GPU")
    if len(gpus) < replicas:
        raise InputError(
            f"--replicas {replicas}: TensorFlow finds {len(gpus) or 'no'} GPU"
            f"{'s' * (len(gpus) > 1)} here; give a number that there is, or --cpu-only to try it "
            "with logical devices of the CPU"
        )
    tf.config.set_visible_devices(gpus[:replicas], "GPU")
