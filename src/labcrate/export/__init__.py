"""Turn a plan into an archive: secrets taken out, documents, layout, file, signature, line in the log."""
