"""Code of the chapter "autoregressive": one variable at a time."""
