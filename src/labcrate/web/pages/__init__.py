"""What pages are made of: templates, languages, timeline, plots, pictures."""
