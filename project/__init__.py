"""What makes the project's own pages: the site of the documentation, the list of licences, the version."""
