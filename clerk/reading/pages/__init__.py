"""The pages that readers see in Datasette beside its own: cities, documents, search, filings, freshness, feeds."""
