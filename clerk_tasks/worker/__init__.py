"""The worker: executor, sandbox, lease keeper, relay, Celery's steps and consumer."""
