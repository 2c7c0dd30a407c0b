"""The Celery configuration: each setting with its reason."""
