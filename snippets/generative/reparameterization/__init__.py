"""Code of the chapter "reparameterization": gradients of an expectation."""
