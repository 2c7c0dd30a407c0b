"""What `script/bench` measures with: CPU time of process trees, and the other task systems."""
