"""Code of the chapter "overview": what is minimised when a distribution is learnt."""
