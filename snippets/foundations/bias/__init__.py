"""Code of the chapter "bias": what the additive parameter of a layer can do."""
