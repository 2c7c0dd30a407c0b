"""What readers see of published databases: names, search over all cities, Datasette's configuration, pages."""
