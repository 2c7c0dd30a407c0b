"""All SQL about runs, stages and jobs: the database is the truth, and these are the only ways to change it.

Each module says in its first line what it is about. A job is recorded by `insert`, `lone` and `runs`, claimed by
`claims`, ended by `attempts` and `children`, and counted by `stages`; `leases` says who owns it, `turns` and `limits`
when it may run, `publications` what is published for it.

Locks are always taken in one order: jobs, then the turns of their site, then the stage that they are of, then its run,
then what waits for later stages: their jobs, then those stages by id. The lock of a limit comes last; what has it
waits for no row.
"""
