"""Code of the chapter "regularization": penalties, priors and weight decay."""
