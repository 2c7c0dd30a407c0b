"""The board: pages for operators that begin with the answer, over the functions of `operations` that commands use."""
