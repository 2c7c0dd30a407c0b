"""What the commands `publish …` do."""

from plugins.local_publish.deploy import index_everything
from plugins.local_publish.serving import serve_readers
from plugins.local_publish.versions import kept, kept_of_all, publish_now, roll_back

__all__ = ["index_everything", "kept", "kept_of_all", "publish_now", "roll_back", "serve_readers"]
