"""The documentation: pages, the site's configuration, and the scripts that draw what the pages show."""
