"""Training on several devices at once: a replica of the network on each, and one batch for all.

Every replica is given the whole batch, draws the noise of the whole batch, and works on its rows
of both. The losses are divided by the rows of the whole batch, and batch normalisation takes its
statistics over them, so that the replicas together take the step that one device takes, but for
the order in which sums are added. On one device these functions add nothing to the graph.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from facegen.errors import InputError


def make_strategy(replicas: int) -> tf.distribute.Strategy:
    """How to train on so many GPUs or, if TensorFlow sees none, logical devices of the CPU.

    Raises:
        InputError: there are fewer.
    """
    if replicas == 1:
        return tf.distribute.get_strategy()
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    names = [device.name for device in tf.config.list_logical_devices(kind)]
    if len(names) < replicas:
        raise InputError(
            f"{replicas} replicas need as many devices; TensorFlow has only {', '.join(names)}: "
            "give their number to limit_hardware before it starts"
        )
    return tf.distribute.MirroredStrategy(names[:replicas])


def run(strategy: tf.distribute.Strategy, step: Callable, batch):
    """What `step` returns for a batch, a list of tensors, summed over the replicas."""
    if strategy.num_replicas_in_sync == 1:
        return step(batch)
    sums = strategy.run(step, args=(batch,))
    return [strategy.reduce(tf.distribute.ReduceOp.SUM, each, axis=None) for each in sums]


def are_several() -> bool:
    """Whether the step that is being traced is one of several replicas'."""
    return tf.distribute.get_replica_context().num_replicas_in_sync > 1


def rows_of(batch):
    """This replica's rows of a whole batch, or of its noise; some replicas may have one more.

    Where there are fewer rows than replicas, some get another's, since TensorFlow's convolutions
    take no empty batch, and `share_of` leaves it out.
    """
    if not are_several():
        return batch
    start, stop = _place(batch)
    return batch[start : tf.maximum(stop, start + 1)]


def share_of(mean, batch):
    """What this replica's mean over its rows adds to the mean over the rows of the whole batch."""
    if not are_several():
        return mean
    start, stop = _place(batch)
    return mean * tf.cast((stop - start) / tf.shape(batch)[0], tf.float32)


def _place(batch):
    """The first of this replica's rows, and the first that isn't."""
    context, rows = tf.distribute.get_replica_context(), tf.shape(batch)[0]
    place, replicas = context.replica_id_in_sync_group, context.num_replicas_in_sync
    return rows * place // replicas, rows * (place + 1) // replicas


def batch_norm(inputs, gamma, beta, epsilon: float):
    """Batch normalisation of the last axis, with the statistics of the whole batch.

    Source: Ioffe and Szegedy 2015, algorithm 1; as in TensorFlow's fused kernel, the variance
    for the moving average is the unbiased one.

    Returns:
        The outputs, and the mean and the variance for the moving averages.
    """
    dtype, inputs = inputs.dtype, tf.cast(inputs, tf.float32)
    axes = list(range(len(inputs.shape) - 1))
    count = _sum(tf.cast(tf.size(inputs[..., 0]), tf.float32))
    mean = _sum(tf.reduce_sum(inputs, axes)) / count
    variance = _sum(tf.reduce_sum(tf.math.squared_difference(inputs, mean), axes)) / count
    outputs = tf.nn.batch_normalization(inputs, mean, variance, beta, gamma, epsilon)
    return tf.cast(outputs, dtype), mean, variance * count / tf.maximum(count - 1, 1)


def _sum(values):
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)
