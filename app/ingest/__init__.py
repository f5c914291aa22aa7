"""Reading user files: a resource-limited child process opens them, and nothing else ever does."""
