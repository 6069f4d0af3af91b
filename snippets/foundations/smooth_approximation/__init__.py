"""Code of the chapter "smooth_approximation": differentiable stand-ins."""
