"""Numbers about latents and pictures, and plots of them."""
