"""The wire formats: thin translations between HTTP and the features."""
