"""Turn a plan into an archive: remove secrets, write documents, layout, file and signature, and log the export."""
