"""Code of the chapter "vae": autoencoders with a likelihood bound."""
