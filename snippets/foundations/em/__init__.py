"""Code of the chapter "em": bounds, mixtures, and how they fail."""
