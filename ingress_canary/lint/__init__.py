"""Documents with line numbers in, every problem at once out."""
