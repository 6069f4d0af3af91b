"""What builds and checks the book: staging builds, experiments, contract."""
