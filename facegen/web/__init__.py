"""The explorer: its server, and the page that it serves."""
