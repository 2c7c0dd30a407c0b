"""Engine, tables, states, clock and the runner of the migrations."""
