"""Points of the latent space: random, stored, fitted, moved. No file is opened but by `io`."""
