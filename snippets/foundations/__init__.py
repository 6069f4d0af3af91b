"""Code of the part on the foundations of learning."""
