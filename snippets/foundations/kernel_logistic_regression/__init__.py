"""Code of the chapter "kernel_logistic_regression": from SVM scores to p(y | x)."""
