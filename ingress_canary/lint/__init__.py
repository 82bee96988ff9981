"""Lint of manifests: documents with line numbers in, every problem at once out."""
