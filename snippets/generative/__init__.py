"""Code of the part on generative models."""
