"""Brokers: publishing, one file per broker, the embedded one."""
