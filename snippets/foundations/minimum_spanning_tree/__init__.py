"""Code of the chapter "minimum spanning trees": three algorithms, three uses."""
