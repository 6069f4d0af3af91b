"""Code of the chapter "vqgan": compress to discrete codes, then model the codes."""
