"""The networks: trained in TensorFlow, run by LiteRT. No other room imports TensorFlow."""
