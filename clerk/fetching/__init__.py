"""Parts of the fetchers: where documents go, what is known of them, and how sites are visited politely."""
