"""Code of the chapter "overfitting": where the error of a fitted model comes from."""
