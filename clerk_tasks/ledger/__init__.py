"""All SQL about runs, stages and jobs: the database is the truth, and these are the only ways to change it.

    record       new jobs, as values and as rows
    runs         a run with its stages and jobs, in one transaction
    attempts     claim, complete, fail, stop, hand back: each guarded by state and attempt
    children     what a completed job asked for, and its own end, in one
    waits        how long until the next attempt
    operators    cancel, and retry by hand
    stages       the counters, and what opens when a stage ends
    leases       who owns a running job, and until when
    rings        which jobs should be published (again)
    repair       what no transition can leave behind, found and mended
    queries      what the command line prints
    site_status  the same for sites
    prune        what is long over, deleted

Locks are always taken in one order: jobs, then the stage that they are of, then its run, then what waits for later
stages: their jobs, then those stages by id.
"""
