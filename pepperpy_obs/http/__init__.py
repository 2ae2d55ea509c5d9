"""A small web server for pages that only read: enough for a scraper, a probe and a person, with nothing to install."""
