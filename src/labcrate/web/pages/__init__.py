"""Build the pages: templates, languages, timeline, plots, pictures."""
