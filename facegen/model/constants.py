"""Numbers that the networks are made with, for whatever runs them; nothing is imported."""

BATCH_NORM_EPSILON = 1e-3  # Keras' default
LEAKY_RELU_SLOPE = 0.3  # LeakyReLU's default in TensorFlow 2.8, which the articles use
CRISP_SLOPE = 0.2  # of leaky ReLU in the crisp decoder and its opponents
