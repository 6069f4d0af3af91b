"""The code that the book prints: one module or package a chapter."""
