"""The meetings pipeline: its job functions, the compilation, the pages."""
